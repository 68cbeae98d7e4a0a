import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import * as fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { createNode, openMemoryLog } from '@xmtp-ts/node'
import { transportSuite } from '../../../../test/suites/transport.ts'
import { encodeFrame, readFrames } from './grpc-web-frames.ts'
import { grpcWebTransport } from './grpc-web.ts'

const ways = {
  'Node’s HTTP': {},
  fetch: { fetch: globalThis.fetch },
} as const

for (const [way, how] of Object.entries(ways))
  transportSuite(`gRPC-Web over ${way}`, async () => {
    const node = await createNode({
      log: openMemoryLog(),
      tokens: 'off',
      listen: [{ host: '127.0.0.1', port: 0 }],
    })
    return {
      transport: grpcWebTransport({ url: node.listen[0]!, ...how }),
      close: async () => node[Symbol.asyncDispose](),
    }
  })

async function* chunked(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0
  for (const size of sizes) {
    yield bytes.subarray(at, at + size)
    at += size
  }
  yield bytes.subarray(at)
}

describe('frames', () => {
  it('come whole, however the body was cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }),
        fc.array(fc.nat(9), { maxLength: 30 }),
        async (payloads, sizes) => {
          const body = Buffer.concat(payloads.map(encodeFrame))
          const frames = []
          for await (const frame of readFrames(chunked(body, sizes))) frames.push(frame)
          expect(frames.map(({ kind }) => kind)).toEqual(payloads.map(() => 'message'))
          expect(frames.map(({ payload }) => [...payload])).toEqual(payloads.map((p) => [...p]))
        },
      ),
      { seed: 3, numRuns: 300 },
    )
  })

  it('of any bytes are frames or a coded error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (bytes) => {
        try {
          for await (const { payload } of readFrames(chunked(bytes, [3]), { maxBytes: 1_000 }))
            expect(payload.length).toBeLessThanOrEqual(60)
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^client\.network\./) })
        }
      }),
      { seed: 4, numRuns: 500 },
    )
  })

  it('that announce more than is allowed are refused before they are here', async () => {
    const head = Uint8Array.of(0, 0xff, 0xff, 0xff, 0xff)
    const reading = readFrames(chunked(head, []), { maxBytes: 1_000 }).next()
    await expect(reading).rejects.toMatchObject({ code: 'client.network.answerTooLong' })
  })
})

describe.each(Object.entries(ways))('answers of strangers, over %s,', (_way, how) => {
  let server: Server | undefined

  afterEach(() => {
    server?.closeAllConnections()
    server?.close()
  })

  const ask = async (listener: RequestListener) => {
    server = createServer(listener)
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const url = `http://127.0.0.1:${port}`
    const transport = grpcWebTransport({ url, maxMessageBytes: 1_000, ...how })
    return transport.unary('/a.B/C', new Uint8Array(), { timeoutMs: 500 })
  }

  const type = { 'content-type': 'application/grpc-web+proto' }
  const trailers = (text: string) => {
    const frame = encodeFrame(new TextEncoder().encode(text))
    frame[0] = 0x80
    return frame
  }

  it.each<[string, RequestListener, string]>([
    [
      'a web page',
      (_q, a) => a.setHeader('content-type', 'text/html').end('<p>hi'),
      'client.network.malformedAnswer',
    ],
    ['a proxy without a node', (_q, a) => a.writeHead(503).end('no'), 'client.node.unavailable'],
    ['a proxy that is asked too often', (_q, a) => a.writeHead(429).end(), 'client.node.busy'],
    [
      'a cut connection',
      (_q, a) => a.writeHead(200, type).write(encodeFrame(new Uint8Array(9)), () => a.destroy()),
      'client.network.unreachable',
    ],
    [
      'an end before the trailers',
      (_q, a) => a.writeHead(200, type).end(encodeFrame(new Uint8Array(9))),
      'client.network.unreachable',
    ],
    [
      'an end within a frame',
      (_q, a) => a.writeHead(200, type).end(Uint8Array.of(0, 0, 0, 0, 9, 1)),
      'client.network.unreachable',
    ],
    [
      'trailers alone',
      (_q, a) => a.writeHead(200, type).end(trailers('grpc-status: 0\r\n')),
      'client.network.malformedAnswer',
    ],
    [
      'trailers without a status',
      (_q, a) => a.writeHead(200, type).end(trailers('x: y\r\n')),
      'client.network.malformedAnswer',
    ],
    [
      'two answers',
      (_q, a) =>
        a
          .writeHead(200, type)
          .end(Buffer.concat([encodeFrame(new Uint8Array()), encodeFrame(new Uint8Array())])),
      'client.network.malformedAnswer',
    ],
    [
      'too long an answer',
      (_q, a) => a.writeHead(200, type).end(encodeFrame(new Uint8Array(1_001))),
      'client.network.answerTooLong',
    ],
    ['silence', () => undefined, 'client.network.timeout'],
    [
      'an error among the headers',
      (_q, a) =>
        a.writeHead(200, { ...type, 'grpc-status': '7', 'grpc-message': 'no%20way' }).end(),
      'client.node.denied',
    ],
  ])('%s', async (_what, listener, code) => {
    await expect(ask(listener)).rejects.toMatchObject({ code })
  })

  it('say how long to wait', async () => {
    await expect(
      ask((_q, a) => a.writeHead(200, type).end(trailers('grpc-status: 8\r\nretry-after: 7\r\n'))),
    ).rejects.toMatchObject({ code: 'client.node.busy', details: { retryAfterMs: 7_000 } })
  })

  it('nobody', async () => {
    const transport = grpcWebTransport({ url: 'http://127.0.0.1:9', ...how })
    await expect(transport.unary('/a.B/C', new Uint8Array(), {})).rejects.toMatchObject({
      code: 'client.network.unreachable',
    })
    expect(() => grpcWebTransport({ url: 'node.example.org' })).toThrow(/no http or https URL/)
  })
})

describe('connections of Node’s HTTP', () => {
  const answer = Buffer.concat([
    encodeFrame(new Uint8Array()),
    Uint8Array.of(0x80, 0, 0, 0, 16),
    new TextEncoder().encode('grpc-status: 0\r\n'),
  ])

  /** A server that notes its connections, and a transport to it. */
  async function started(after: (socket: Socket) => void) {
    const connections: Socket[] = []
    const server = createServer((request, reply) => {
      request.resume()
      reply.writeHead(200, { 'content-type': 'application/grpc-web+proto' })
      reply.end(answer, () => after(request.socket))
    })
    server.on('connection', (socket) => connections.push(socket))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const { unary } = grpcWebTransport({ url: `http://127.0.0.1:${port}` })
    return {
      connections,
      call: () => unary('/a.B/C', new Uint8Array(), {}),
      [Symbol.dispose]() {
        server.closeAllConnections()
        server.close()
      },
    }
  }

  it('serve one call after the other', async () => {
    using world = await started(() => undefined)
    for (let index = 0; index < 5; index += 1) await world.call()
    // An answer may end a moment after its message: then the next call does not wait for its connection.
    expect(world.connections.length).toBeLessThanOrEqual(2)
  })

  it('that the node has closed meanwhile are replaced without a word', async () => {
    using world = await started((socket) => setImmediate(() => socket.resetAndDestroy()))
    for (let index = 0; index < 20; index += 1) await world.call()
  })
})
