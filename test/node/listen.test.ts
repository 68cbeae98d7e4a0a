import {
  createLogger,
  createNode,
  openMemoryLog,
  openSqliteLog,
  parseNodeConfig,
  startNode as startConfigured,
} from '@xmtp-ts/node'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import {
  closeAfterEach,
  grpcClient,
  later,
  messageApi,
  postJson,
  publishRequest,
  queryRequest,
  startNode,
  topic,
} from './support.ts'

closeAfterEach()

const anywhere = { host: '127.0.0.1', port: 0 }

it('B21: serves everything on every listener, and starts in well under two seconds', async () => {
  const startedMs = performance.now()
  const node = await startNode({ listen: [anywhere, anywhere, { host: '::1', port: 0 }] })
  expect(performance.now() - startedMs).toBeLessThan(1000)
  expect(new Set(node.listen).size).toBe(3)
  for (const url of node.listen) {
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    expect(await (await fetch(url)).text()).toContain('XMTP node')
    expect((await postJson(url, '/message/v1/query', { contentTopics: [topic] })).status).toBe(200)
  }
  await grpcClient({ port: Number(new URL(node.listen[1]!).port) }).unary(
    `${messageApi}/Query`,
    queryRequest(),
  )
})

it('says that a port is busy, and lets go of what it had', async () => {
  const { port } = await startNode()
  const log = openMemoryLog()
  const starting = createNode({ log, listen: [anywhere, { host: '127.0.0.1', port }] })
  await expect(starting).rejects.toMatchObject({
    code: 'node.listen.busy',
    message: expect.stringContaining(`127.0.0.1:${port} is in use.`),
  })
})

it('says that an address is not of this machine', async () => {
  const starting = createNode({ log: openMemoryLog(), listen: [{ host: '203.0.113.1', port: 0 }] })
  await expect(starting).rejects.toMatchObject({ code: 'node.listen.impossible' })
})

it('keeps what was published over a restart in the same process', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'xmtp-ts-node-'))
  later(() => rmSync(folder, { recursive: true }))
  const config = parseNodeConfig({ listen: ['127.0.0.1:0'], data: folder })
  for (let round = 1; round <= 3; round += 1) {
    const node = await startConfigured(config)
    await node
      .memory()
      .unary(`${messageApi}/Publish`, publishRequest([{ time: round }]), { headers: {} })
    const page = await (
      await postJson(node.listen[0]!, '/message/v1/query', { contentTopics: [topic] })
    ).json()
    expect(page.envelopes).toHaveLength(round)
    await node[Symbol.asyncDispose]()
  }
})

it('serves metrics to others on a listener of their own', async () => {
  const node = await startNode({ metrics: anywhere })
  await postJson(node.url, '/message/v1/publish', {
    envelopes: [{ contentTopic: topic, timestampNs: 1 }],
  })
  const text = await (await fetch(`${node.metrics}/anything`)).text()
  expect(text).toMatch(/^xmtp_published_envelopes\{topic_category="v2-conversation".*\} 1$/m)
  expect(text).toMatch(/^xmtp_stored_messages 1$/m)
  const forwarded = await fetch(`${node.url}/metrics`, {
    headers: { 'x-forwarded-for': '1.1.1.1' },
  })
  expect(forwarded.status).toBe(404)
})

it('answers as unavailable when the store fails, and tells the operator why, without payloads', async () => {
  const lines: string[] = []
  const folder = mkdtempSync(join(tmpdir(), 'xmtp-ts-node-'))
  later(() => rmSync(folder, { recursive: true }))
  const log = await openSqliteLog(join(folder, 'node.db'), { maxFileBytes: 400_000 })
  const node = await startNode({
    log,
    logger: createLogger({ format: 'json', write: (line) => lines.push(line) }),
  })
  const message = Buffer.from('secret'.repeat(50_000)).toString('base64')
  const response = await postJson(node.url, '/message/v1/publish', {
    envelopes: [{ contentTopic: topic, message }],
  })
  expect([response.status, (await response.json()).code]).toEqual([503, 14])
  expect(lines.map((line) => JSON.parse(line).event)).toEqual(['api.failed'])
  expect(lines[0]).toContain('full')
  expect(lines[0]!.length).toBeLessThan(2000)
  // Smaller ones still fit: the store recovers by itself.
  expect(
    (await postJson(node.url, '/message/v1/publish', { envelopes: [{ contentTopic: topic }] }))
      .status,
  ).toBe(200)
  expect((await fetch(`${node.url}/healthz`)).status).toBe(200)
})
