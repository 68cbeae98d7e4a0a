import { QueryRequest, SubscribeRequest } from '@xmtp-ts/proto/message_api/v1/message_api'
import { CallError } from '@xmtp-ts/node'
import fc from 'fast-check'
import { connect } from 'node:http2'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import {
  closeAfterEach,
  grpcClient,
  later,
  linesOf,
  messageApi,
  postJson,
  publishRequest,
  queryRequest,
  rawConnection,
  startNode,
  timeOf,
  topic,
  type TestNode,
} from './support.ts'

closeAfterEach()

/** The next client is unharmed: every protocol still answers. */
async function expectWell(node: TestNode): Promise<void> {
  expect((await postJson(node.url, '/message/v1/query', { contentTopics: [topic] })).status).toBe(
    200,
  )
  await grpcClient(node).unary(`${messageApi}/Query`, queryRequest([topic], 1))
}

describe('bytes that are no request', () => {
  it.each([
    ['noise', Buffer.from(Array.from({ length: 300 }, (_, index) => (index * 97 + 131) % 256))],
    [
      'an HTTP/2 preface and then noise',
      Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.alloc(300, 0xff)]),
    ],
    ['a broken preface', Buffer.from('PRI nothing of that kind\r\n\r\n'.repeat(3))],
    [
      'a frame above its size',
      Buffer.concat([
        Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
        Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1]),
        Buffer.alloc(1000),
      ]),
    ],
    ['headers without end', Buffer.from(`GET / HTTP/1.1\r\nX: ${'x'.repeat(100_000)}`)],
    ['a bad request line', Buffer.from('\u0000\u0001 / HTTP/9.9\r\n\r\n')],
    [
      'a length that is none',
      Buffer.from('POST /message/v1/query HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n'),
    ],
  ])('%s ends the connection and harms nobody', async (_, bytes) => {
    const node = await startNode()
    const { socket, closed } = rawConnection(node)
    socket.write(bytes)
    await closed
    await expectWell(node)
  })

  it('a first byte at a time is still understood', async () => {
    const node = await startNode()
    const { socket, closed } = rawConnection(node)
    for (const byte of Buffer.from('PROPFIND / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')) {
      socket.write(Buffer.of(byte))
      await wait(1)
    }
    expect(await closed).toMatch(/^HTTP\/1\.1 404/)
  })

  it('any bytes to any method give an answer or a status', async () => {
    const node = await startNode()
    const transport = node.memory()
    const methods = ['Publish', 'Query', 'BatchQuery'].map((name) => `${messageApi}/${name}`)
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      // Almost right: a valid request with one byte changed.
      fc
        .tuple(
          fc.constantFrom(publishRequest([{ time: 1n << 63n }]), queryRequest([topic, 'x'], 5)),
          fc.nat(),
          fc.nat({ max: 255 }),
        )
        .map(([request, at, byte]) => {
          const changed = Uint8Array.from(request)
          changed[at % changed.length] = byte
          return changed
        }),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...methods, '/grpc.health.v1.Health/Check', '/none'),
        bytes,
        async (path, request) => {
          try {
            expect(await transport.unary(path, request, { headers: {} })).toBeInstanceOf(Uint8Array)
          } catch (error) {
            expect(error).toBeInstanceOf(CallError)
            expect((error as CallError).code).not.toBe(13)
          }
        },
      ),
      { numRuns: 1500, seed: 5 },
    )
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (request) => {
        const leaving = new AbortController()
        try {
          const { messages } = await transport.serverStream(`${messageApi}/Subscribe`, request, {
            headers: {},
            signal: leaving.signal,
          })
          leaving.abort()
          for await (const message of messages) expect(message).toBeInstanceOf(Uint8Array)
        } catch (error) {
          expect(error).toBeInstanceOf(CallError)
          expect((error as CallError).code).not.toBe(13)
        }
      }),
      { numRuns: 500, seed: 5 },
    )
  })

  it('any JSON to any path gives a status', async () => {
    const { url } = await startNode()
    const names = [
      'envelopes',
      'contentTopics',
      'content_topics',
      'pagingInfo',
      'timestampNs',
      'message',
      'requests',
      'cursor',
      'index',
      'limit',
      'direction',
    ]
    const json = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom('SORT_DIRECTION_ASCENDING', '', 'AA==', topic, null, true, -1, 1e300),
        fc.string(),
        fc.double(),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom(...names, '__proto__'), tie('value'), { maxKeys: 3 }),
      ),
    })).value
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('publish', 'query', 'batch-query'),
        json,
        async (path, body) => {
          const response = await postJson(url, `/message/v1/${path}`, body)
          expect([200, 400, 401]).toContain(response.status)
          await response.text()
        },
      ),
      { numRuns: 400, seed: 9 },
    )
  })
})

describe('limits of size and time', () => {
  it('refuses a body that is too long before it has all come', async () => {
    const node = await startNode()
    const { socket, closed } = rawConnection(node)
    socket.write(
      'POST /message/v1/publish HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n',
    )
    const chunk = `100000\r\n${'x'.repeat(1_048_576)}\r\n`
    let sent = 0
    let isAnswered = false
    socket.once('data', () => {
      isAnswered = true
    })
    while (!isAnswered && sent < 200) {
      if (!socket.write(chunk))
        await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed])
      sent += 1
    }
    expect(await closed).toMatch(/^HTTP\/1\.1 429/)
    expect(sent).toBeLessThan(120)
    await expectWell(node)
  })

  it('refuses a gRPC message above 50 MiB', async () => {
    const node = await startNode()
    const client = grpcClient(node)
    await expect(
      client.unary(`${messageApi}/Publish`, new Uint8Array(52_428_801)),
    ).rejects.toMatchObject({ code: 8 })
    await expectWell(node)
  })

  it('takes the largest envelope there may be, and gives pages of them back', async () => {
    const node = await startNode()
    const client = grpcClient(node)
    const message = new Uint8Array(1_048_214)
    for (let time = 0; time < 20; time += 1)
      await client.unary(`${messageApi}/Publish`, publishRequest([{ time, message }]))
    const page = await (
      await postJson(node.url, '/message/v1/query', { contentTopics: [topic] })
    ).json()
    expect(page.envelopes).toHaveLength(16)
    expect(page.pagingInfo.cursor).not.toBeNull()
    const rest = await postJson(node.url, '/message/v1/query', {
      contentTopics: [topic],
      pagingInfo: { cursor: page.pagingInfo.cursor },
    })
    expect((await rest.json()).envelopes).toHaveLength(4)
  })

  it('survives calls that are cut in the middle', async () => {
    const node = await startNode()
    for (let round = 0; round < 20; round += 1) {
      const { socket } = rawConnection(node)
      socket.write(
        'POST /message/v1/publish HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"envel',
      )
      const session = connect(node.url)
      session.on('error', () => {})
      const stream = session.request({
        ':method': 'POST',
        ':path': `${messageApi}/Publish`,
        'content-type': 'application/grpc',
        te: 'trailers',
      })
      stream.on('error', () => {})
      stream.write(Buffer.from([0, 0, 0, 3, 232, 10]))
      await wait(2)
      socket.resetAndDestroy()
      session.destroy()
    }
    await expectWell(node)
    expect(await node.log.count()).toBe(0)
  })

  it.each(['JSON', 'gRPC'])(
    'keeps the memory bounded for a %s consumer that stops reading, and gives it everything',
    async (kind) => {
      const node = await startNode()
      const message = new Uint8Array(100_000)
      const envelopes = 400
      const times: number[] = []
      let read: () => Promise<void>
      if (kind === 'JSON') {
        const response = await postJson(node.url, '/message/v1/subscribe', {
          contentTopics: [topic],
        })
        read = async () => {
          for await (const { result } of linesOf(response))
            if (times.push(Number(result.timestampNs)) === envelopes) break
        }
      } else {
        const request = SubscribeRequest.encode({
          contentTopics: [topic],
          resume: false,
          resumeAfter: new Uint8Array(),
        }).finish()
        const { call, opened } = grpcClient(node).stream(`${messageApi}/Subscribe`, request)
        await opened
        call.pause()
        read = async () => {
          for await (const bytes of call)
            if (times.push(timeOf(bytes as Buffer)) === envelopes) break
        }
      }
      // 40 MB wait; what the node itself holds of it is a queue of 4 MB.
      const publisher = grpcClient(node)
      for (let round = 0; round < envelopes / 10; round += 1)
        await publisher.unary(
          `${messageApi}/Publish`,
          publishRequest(
            Array.from({ length: 10 }, (_, index) => ({ time: round * 10 + index, message })),
          ),
        )
      await read()
      expect(times).toEqual(Array.from({ length: envelopes }, (_, index) => index))
      await expectWell(node)
    },
  )
})

it('frees what a subscriber had when it goes away without a word', async () => {
  const node = await startNode()
  const subscriptions = async (): Promise<number> => {
    const metrics = await (await fetch(`${node.url}/metrics`)).text()
    return Number(/^xmtp_subscriptions (\d+)$/m.exec(metrics)![1])
  }
  for (let index = 0; index < 20; index += 1) {
    const { socket } = rawConnection(node)
    const body = JSON.stringify({ contentTopics: [topic, `t${index}`] })
    socket.write(
      `POST /message/v1/subscribe HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    later(() => socket.destroy())
    await new Promise((resolve) => socket.once('data', resolve))
    if (index % 2 === 0) socket.resetAndDestroy()
  }
  for (let tries = 0; tries < 100 && (await subscriptions()) !== 10; tries += 1) await wait(5)
  expect(await subscriptions()).toBe(10)
})

it('B18: answers a query of 10,000 topics without stopping everybody else', async () => {
  const node = await startNode()
  const request = QueryRequest.decode(
    queryRequest(Array.from({ length: 10_000 }, (_, index) => `t${index}`)),
  )
  const response = await postJson(node.url, '/message/v1/query', {
    contentTopics: request.contentTopics,
  })
  expect(response.status).toBe(200)
})

it('B23: invented client versions do not grow the metrics', async () => {
  const node = await startNode()
  const transport = node.memory()
  for (let index = 0; index < 10_000; index += 1)
    await transport.unary(`${messageApi}/Query`, queryRequest(), {
      headers: { 'x-app-version': `app/${index}`, 'x-client-version': `c${index}/1` },
    })
  const metrics = await (await fetch(`${node.url}/metrics`)).text()
  expect(
    metrics.split('\n').filter((line) => line.startsWith('xmtp_api_requests{')).length,
  ).toBeLessThan(110)
  expect(metrics).toContain('app="other"')
})
