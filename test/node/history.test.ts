import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { NodeParts } from '@xmtp-ts/node'
import { describe, expect, it } from 'vitest'
import { closeAfterEach, later, rawConnection, startNode } from './support.ts'

closeAfterEach()

const listen = { host: '127.0.0.1', port: 0 }
const noName = '00000000-0000-4000-8000-000000000000'
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const dayMs = 86_400_000

function newFolder(): string {
  const parent = mkdtempSync(join(tmpdir(), 'xmtp-ts-history-'))
  later(() => rmSync(parent, { recursive: true, force: true }))
  return join(parent, 'history')
}

async function open(folder?: string, parts: Partial<NodeParts> = {}) {
  const history = folder === undefined ? { listen } : { listen, folder }
  const node = await startNode({ history, ...parts })
  const url = node.history!
  const upload = (body: BodyInit, init: RequestInit = {}) =>
    fetch(`${url}/upload`, { method: 'POST', body, ...init })
  const download = async (id: string) => fetch(`${url}/files/${id}`)
  return { node, url, port: Number(new URL(url).port), upload, download }
}

describe.each([
  ['memory', () => undefined],
  ['a folder', newFolder],
])('the history service in %s', (_name, folderOf) => {
  it('gives back what was uploaded, under a name that nobody guesses', async () => {
    const { upload, download } = await open(folderOf())
    const archive = randomBytes(3_000_000)
    const answer = await upload(archive)
    expect(answer.status).toBe(200)
    const id = await answer.text()
    expect(id).toMatch(uuid)
    const back = await download(id)
    expect([back.status, back.headers.get('content-type')]).toEqual([
      200,
      'application/octet-stream',
    ])
    expect(Buffer.compare(Buffer.from(await back.arrayBuffer()), archive)).toBe(0)
  })

  it('takes an empty archive, and answers HEAD with its length', async () => {
    const { url, upload, download } = await open(folderOf())
    const empty = await (await upload('')).text()
    expect(await (await download(empty)).text()).toBe('')
    const id = await (await upload('seven b')).text()
    const head = await fetch(`${url}/files/${id}`, { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '7'])
  })

  it('refuses what is too long, and keeps nothing of it', async () => {
    const { node, upload } = await open(folderOf())
    const chunk = new Uint8Array(1_048_576)
    let sent = 0
    const body = new ReadableStream({
      pull: (controller) => {
        if (sent === 120) controller.close()
        else controller.enqueue(chunk)
        sent += 1
      },
    })
    const answer = await upload(body, { duplex: 'half' } as RequestInit).catch(() => undefined)
    // A client that does not look before it has sent everything sees the connection cut.
    expect(answer?.status ?? 413).toBe(413)
    await wait(20)
    const metrics = await (await fetch(`${node.url}/metrics`)).text()
    expect(metrics).toMatch(/^xmtp_history_bytes 0$/m)
    expect(metrics).toMatch(/^xmtp_history_archives 0$/m)
    expect(metrics).toMatch(/xmtp_history_transfers\{direction="upload",status="413"\} 1/)
  })

  it('forgets an archive after a week', async () => {
    let nowMs = Date.now()
    const { upload, download } = await open(folderOf(), { nowMs: () => nowMs })
    const id = await (await upload('archive')).text()
    nowMs += 6.9 * dayMs
    expect((await download(id)).status).toBe(200)
    nowMs += 0.2 * dayMs
    expect((await download(id)).status).toBe(404)
  })

  it('keeps nothing of an upload that breaks off', async () => {
    const folder = folderOf()
    const { node, port } = await open(folder)
    const { socket } = rawConnection({ port })
    socket.write('POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nbeginning')
    await wait(50)
    socket.destroy()
    await wait(50)
    expect(folder === undefined ? [] : readdirSync(folder)).toEqual([])
    expect(await (await fetch(`${node.url}/metrics`)).text()).toMatch(/^xmtp_history_bytes 0$/m)
  })
})

describe('the history service', () => {
  it('finds its archives again after a restart, and clears away what was not finished', async () => {
    const folder = newFolder()
    const first = await open(folder)
    const id = await (await first.upload('kept')).text()
    await first.node[Symbol.asyncDispose]()
    writeFileSync(join(folder, `${noName}.part`), 'half')
    writeFileSync(join(folder, 'notes.txt'), 'of somebody else')
    const second = await open(folder)
    expect(await (await second.download(id)).text()).toBe('kept')
    expect(readdirSync(folder).toSorted()).toEqual([id, 'notes.txt'].toSorted())
  })

  it.each([
    ['an unknown name', `/files/${noName}`],
    ['a listing', '/files/'],
    ['a path', '/files/..%2f..%2fetc%2fpasswd'],
    ['a path of dots', '/files/../../../../../../etc/passwd'],
    ['a file that is no archive', '/files/notes.txt'],
    ['anything else', '/upload'],
  ])('answers 404 for %s', async (_what, path) => {
    const folder = newFolder()
    const { port } = await open(folder)
    writeFileSync(join(folder, 'notes.txt'), 'of somebody else')
    // Past fetch, which would tidy the path up.
    const { socket, closed } = rawConnection({ port })
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    const answer = await closed
    expect(answer).toMatch(/^HTTP\/1\.1 404 /)
    expect(answer).not.toContain('of somebody else')
  })

  it('serves pages of other origins, and says that it is there', async () => {
    const { url, upload } = await open()
    const preflight = await fetch(`${url}/upload`, { method: 'OPTIONS' })
    expect(preflight.headers.get('access-control-allow-methods')).toContain('POST')
    const answer = await upload('x')
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
    expect((await fetch(`${url}/`)).status).toBe(200)
  })

  it('counts uploads as writes of their client', async () => {
    const { upload } = await open(undefined, { limits: { reads: 9, writes: 2 } })
    const statuses = [await upload('1'), await upload('2'), await upload('3')].map(
      ({ status }) => status,
    )
    expect(statuses).toEqual([200, 200, 429])
  })
})

it('the history service goes on when the file of an archive is gone', async () => {
  const folder = newFolder()
  const { url, upload, download } = await open(folder)
  const id = await (await upload('archive')).text()
  rmSync(folder, { recursive: true })
  for (let round = 0; round < 5; round += 1)
    expect((await fetch(`${url}/files/${id}`, { method: 'HEAD' })).status).toBe(200)
  await expect(download(id).then((answer) => answer.text())).rejects.toThrow()
  await wait(20)
  expect((await fetch(`${url}/`)).status).toBe(200)
})
