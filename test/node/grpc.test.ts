import * as grpc from '@grpc/grpc-js'
import { HealthCheckResponse } from '@xmtp-ts/proto/grpc/health/v1/health'
import { QueryResponse, SubscribeRequest } from '@xmtp-ts/proto/message_api/v1/message_api'
import {
  createIdentityText,
  createToken,
  createUnsignedKey,
  parseAddress,
  signIdentityKey,
} from '@xmtp-ts/protocol'
import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { describe, expect, it } from 'vitest'
import {
  closeAfterEach,
  grpcClient,
  messageApi,
  postJson,
  publishRequest,
  queryRequest,
  startNode,
  take,
  timeOf,
  topic,
} from './support.ts'

closeAfterEach()

const subscribeRequest = (
  contentTopics: string[],
  more: Partial<SubscribeRequest> = {},
): Uint8Array =>
  SubscribeRequest.encode({
    contentTopics,
    resume: false,
    resumeAfter: new Uint8Array(),
    ...more,
  }).finish()

async function tokenOf(): Promise<{ wallet: string; authorization: string }> {
  const account = privateKeyToAccount(generatePrivateKey())
  const nowNs = BigInt(Date.now()) * 1_000_000n
  const unsigned = createUnsignedKey({ nowNs, random: (size) => randomBytes(size) })
  const text = createIdentityText(unsigned.unsigned.keyBytes)
  const signature = Buffer.from((await account.signMessage({ message: text })).slice(2), 'hex')
  const key = signIdentityKey(unsigned, signature)
  const token = createToken(key, { wallet: parseAddress(account.address), nowNs })
  return {
    wallet: account.address,
    authorization: `Bearer ${Buffer.from(token).toString('base64')}`,
  }
}

describe('gRPC', () => {
  it('publishes and queries', async () => {
    const client = grpcClient(await startNode())
    await client.unary(
      `${messageApi}/Publish`,
      publishRequest([{ time: 1 }, { time: 2 }, { time: 2 }]),
    )
    const page = QueryResponse.decode(
      await client.unary(`${messageApi}/Query`, queryRequest([topic], 2)),
    )
    expect(page.envelopes.map(({ timestampNs }) => timestampNs)).toEqual([2n, 1n])
    expect(page.pagingInfo).toMatchObject({ limit: 2, direction: 2 })
  })

  it('sends the headers of a stream before any message, and says that it is subscribed', async () => {
    const client = grpcClient(await startNode())
    for (const path of ['Subscribe', 'SubscribeAll']) {
      const { opened } = client.stream(`${messageApi}/${path}`, subscribeRequest([]))
      expect((await opened).get('subscribed')).toEqual(['true'])
    }
    expect((await client.bidi(`${messageApi}/Subscribe2`).opened).get('subscribed')).toEqual([
      'true',
    ])
  })

  it('delivers to every subscriber what is published, ephemeral envelopes too', async () => {
    const node = await startNode()
    const client = grpcClient(node)
    const one = client.stream(
      `${messageApi}/Subscribe`,
      subscribeRequest([topic, '/xmtp/0/mE-1/proto']),
    )
    const all = client.stream(`${messageApi}/SubscribeAll`, new Uint8Array())
    await Promise.all([one.opened, all.opened])
    const envelopes = [
      { time: 1 },
      { time: 2, topic: '/xmtp/0/m-2/proto' },
      { time: 3, topic: '/xmtp/0/mE-1/proto' },
      { time: 4 },
    ]
    for (const each of envelopes)
      await client.unary(`${messageApi}/Publish`, publishRequest([each]))
    expect((await take(one.call, 3)).map(timeOf).toSorted()).toEqual([1, 3, 4])
    expect((await take(all.call, 4)).map(timeOf).toSorted()).toEqual([1, 2, 3, 4])
    expect(await node.log.count()).toBe(3)
  })

  it('B16: Subscribe2 exchanges its topics; its first request may resume', async () => {
    const client = grpcClient(await startNode())
    const publish = (time: number, name: string) =>
      client.unary(`${messageApi}/Publish`, publishRequest([{ time, topic: name }]))
    const stream = client.bidi(`${messageApi}/Subscribe2`)
    const [start] = (await stream.opened).get('x-xmtp-resume-token')
    await publish(1, topic)
    stream.call.write(
      subscribeRequest([topic], { resumeAfter: Buffer.from(String(start), 'base64') }),
    )
    expect((await take(stream.call, 1)).map(timeOf)).toEqual([1])
    stream.call.write(subscribeRequest([topic, 'b']))
    stream.call.end()
    for (let time = 2; time < 50; time += 1) {
      await publish(time, topic)
      await publish(time, 'b')
    }
    const got = (await take(stream.call, 50)).map(timeOf)
    expect([...new Set(got)]).toEqual(
      Array.from({ length: new Set(got).size }, (_, index) => index + 2),
    )
  })

  it('takes contact topics from their owner only', async () => {
    const client = grpcClient(await startNode())
    const { wallet, authorization } = await tokenOf()
    const publish = (name: string, header?: string) => {
      const metadata = new grpc.Metadata()
      if (header !== undefined) metadata.set('authorization', header)
      return client.unary(`${messageApi}/Publish`, publishRequest([{ topic: name }]), metadata)
    }
    const contact = `/xmtp/0/contact-${wallet}/proto`
    await publish(contact, authorization)
    const other = (await tokenOf()).authorization
    await expect(publish(contact, other)).rejects.toMatchObject({
      code: 7,
      details: 'publishing to restricted topic',
    })
    await expect(publish(contact)).rejects.toMatchObject({
      code: 16,
      details: 'authorization token is not provided',
    })
    // A token that comes is verified, also where none is needed.
    await expect(publish(topic, 'Bearer AAAA')).rejects.toMatchObject({ code: 16 })
  })

  it.each([
    ['Publish', Uint8Array.of(10, 5), 3, /do not decode/],
    ['Query', queryRequest([]), 3, /content topics required/],
    ['Query', queryRequest([topic], 4_000_000_000), 3, /cannot exceed 100 rows/],
    [
      'Publish',
      publishRequest(Array.from({ length: 1001 }, (_, time) => ({ time }))),
      3,
      /cannot exceed 1000/,
    ],
    ['Nothing', new Uint8Array(), 12, /./],
  ])('answers a wrong %s with a status', async (path, request, code, details) => {
    const client = grpcClient(await startNode())
    await expect(client.unary(`${messageApi}/${path}`, request)).rejects.toMatchObject({
      code,
      details: expect.stringMatching(details),
    })
  })

  it('B20: limits with RESOURCE_EXHAUSTED and a retry-after trailer', async () => {
    const client = grpcClient(await startNode({ limits: { reads: 1, writes: 1 } }))
    const two = publishRequest([{ time: 1 }, { time: 2 }])
    const error = (await client
      .unary(`${messageApi}/Publish`, two)
      .catch((reason: unknown) => reason)) as grpc.ServiceError
    expect([error.code, error.details]).toEqual([8, '2 exceeds rate limit R127.0.0.1PUB'])
    expect(Number(error.metadata.get('retry-after')[0])).toBeGreaterThan(0)
  })

  it('B22: health follows the store', async () => {
    const node = await startNode()
    const client = grpcClient(node)
    const check = async (service: string) =>
      HealthCheckResponse.decode(
        await client.unary(
          '/grpc.health.v1.Health/Check',
          Buffer.concat([Buffer.from([10, service.length]), Buffer.from(service)]),
        ),
      ).status
    expect(await check('')).toBe(1)
    expect(await check('xmtp.message_api.v1.MessageApi')).toBe(1)
    await expect(check('nobody')).rejects.toMatchObject({ code: 5 })
    const watch = client.stream('/grpc.health.v1.Health/Watch', new Uint8Array())
    expect(HealthCheckResponse.decode((await take(watch.call, 1))[0]!).status).toBe(1)
    node.log.health = async () => ({ ok: false, reason: 'disk full' })
    expect(await check('')).toBe(2)
    expect(HealthCheckResponse.decode((await take(watch.call, 1))[0]!).status).toBe(2)
    const health = await fetch(`${node.url}/healthz`)
    expect([health.status, await health.json()]).toEqual([
      503,
      { status: 'not serving', reason: 'disk full' },
    ])
  })

  it('lists its services by reflection, v1 and v1alpha', async () => {
    const node = await startNode()
    const client = grpcClient(node)
    for (const version of ['v1', 'v1alpha']) {
      let text = ''
      for (let tries = 0; tries < 100 && text === ''; tries += 1) {
        const { call, status } = client.bidi(
          `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
        )
        // ServerReflectionRequest { list_services: "*" }
        call.write(Uint8Array.of(58, 1, 42))
        const [answer] = await Promise.race([take(call, 1), status.then(() => [])])
        text = answer?.toString('latin1') ?? ''
        call.cancel()
        // Loaded after the node listens.
        if (text === '') await wait(20)
      }
      expect(text).toContain('xmtp.message_api.v1.MessageApi')
      expect(text).toContain('grpc.health.v1.Health')
    }
  })

  it('lets an ordinary client cancel many streams on one connection', async () => {
    const client = grpcClient(await startNode())
    for (let round = 0; round < 9; round += 1) {
      const streams = Array.from({ length: 100 }, () =>
        client.stream(`${messageApi}/Subscribe`, subscribeRequest([topic])),
      )
      await Promise.all(streams.map(({ opened }) => opened))
      for (const { call } of streams) call.cancel()
      const codes = await Promise.all(streams.map(({ status }) => status.then(({ code }) => code)))
      expect(new Set(codes)).toEqual(new Set([1]))
    }
    await client.unary(`${messageApi}/Query`, queryRequest())
  })

  it('ends streams as unavailable when it closes, in under a second', async () => {
    const node = await startNode()
    const client = grpcClient(node)
    const { opened, status } = client.stream(`${messageApi}/Subscribe`, subscribeRequest([topic]))
    const json = await postJson(node.url, '/message/v1/subscribe', { contentTopics: [topic] })
    await opened
    const startedMs = performance.now()
    await node[Symbol.asyncDispose]()
    expect(performance.now() - startedMs).toBeLessThan(1000)
    expect(await status).toMatchObject({ code: 14, details: 'service is shutting down' })
    expect(await json.text()).toBe('')
  })
})
