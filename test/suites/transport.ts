import {
  BatchQueryRequest,
  BatchQueryResponse,
  Envelope,
  PublishRequest,
  QueryRequest,
  QueryResponse,
  SubscribeRequest,
} from '@xmtp-ts/proto/message_api/v1/message_api'
import type { Transport } from '@xmtp-ts/client/v2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

export type OpenTransport = {
  readonly transport: Transport
  close(): Promise<void>
}

const service = '/xmtp.message_api.v1.MessageApi'
const none = new Uint8Array()

const envelope = (topic: string, time: number, message: Uint8Array): Envelope => ({
  contentTopic: topic,
  timestampNs: BigInt(time),
  message,
  resumeToken: none,
})

const queryOf = (topic: string): QueryRequest => ({
  contentTopics: [topic],
  startTimeNs: 0n,
  endTimeNs: 0n,
  pagingInfo: undefined,
})

/**
 * What every transport of the client must do, against a real node that asks for no tokens.
 * @param open a transport to a node of its own
 */
export function transportSuite(name: string, open: () => Promise<OpenTransport>): void {
  describe(`transport: ${name}`, () => {
    let opened: OpenTransport
    let transport: Transport

    beforeAll(async () => {
      opened = await open()
      transport = opened.transport
    })

    afterAll(async () => {
      await opened.close()
    })

    const publish = (...envelopes: Envelope[]) =>
      transport.unary(`${service}/Publish`, PublishRequest.encode({ envelopes }).finish(), {})

    const subscribe = (topic: string, signal?: AbortSignal) =>
      transport.serverStream(
        `${service}/Subscribe`,
        SubscribeRequest.encode({
          contentTopics: [topic],
          resume: true,
          resumeAfter: none,
        }).finish(),
        { signal },
      )

    it('carries a request and its answer', async () => {
      const topic = '/xmtp/0/m-suite-unary/proto'
      await publish(envelope(topic, 1, Uint8Array.of(1, 2, 3)))
      const answer = await transport.unary(
        `${service}/Query`,
        QueryRequest.encode(queryOf(topic)).finish(),
        {},
      )
      expect(QueryResponse.decode(answer).envelopes).toMatchObject([
        { contentTopic: topic, timestampNs: 1n, message: Uint8Array.of(1, 2, 3) },
      ])
    })

    it('carries an answer of no bytes', async () => {
      const answer = await transport.unary(
        `${service}/BatchQuery`,
        BatchQueryRequest.encode({ requests: [] }).finish(),
        {},
      )
      expect(BatchQueryResponse.decode(answer).responses).toEqual([])
    })

    it('carries what is larger than any chunk', async () => {
      const topic = '/xmtp/0/m-suite-large/proto'
      const large = Uint8Array.from({ length: 1_000_000 }, (_, index) => index % 251)
      await publish(envelope(topic, 1, large), envelope(topic, 2, large))
      const answer = await transport.unary(
        `${service}/Query`,
        QueryRequest.encode(queryOf(topic)).finish(),
        {},
      )
      const { envelopes } = QueryResponse.decode(answer)
      expect(envelopes).toHaveLength(2)
      for (const { message } of envelopes) expect(Buffer.compare(message, large)).toBe(0)
    })

    it('hands over the headers of a stream before its first message', async () => {
      const stopped = new AbortController()
      const { headers } = await subscribe('/xmtp/0/m-suite-headers/proto', stopped.signal)
      expect(headers['x-xmtp-resume-token']).toMatch(/^[A-Za-z0-9+/]+=*$/)
      stopped.abort()
    })

    it('carries the messages of a stream in order, each as it comes', async () => {
      const topic = '/xmtp/0/m-suite-stream/proto'
      const stopped = new AbortController()
      const { messages } = await subscribe(topic, stopped.signal)
      const iterator = messages[Symbol.asyncIterator]()
      for (let time = 1; time <= 20; time += 1) {
        await publish(envelope(topic, time, Uint8Array.of(time)))
        const next = await iterator.next()
        expect(Envelope.decode(next.value).message).toEqual(Uint8Array.of(time))
      }
      stopped.abort()
    })

    it('loses nothing of a stream that is read late', async () => {
      const topic = '/xmtp/0/m-suite-late/proto'
      const stopped = new AbortController()
      const { messages } = await subscribe(topic, stopped.signal)
      const bytes = new Uint8Array(10_000)
      const count = 300
      for (let time = 1; time <= count; time += 1) await publish(envelope(topic, time, bytes))
      let seen = 0
      for await (const message of messages) {
        seen += 1
        expect(Envelope.decode(message).timestampNs).toBe(BigInt(seen))
        if (seen === count) break
      }
      expect(seen).toBe(count)
    })

    it('ends a stream when its caller aborts', async () => {
      const stopped = new AbortController()
      const { messages } = await subscribe('/xmtp/0/m-suite-abort/proto', stopped.signal)
      const pending = messages[Symbol.asyncIterator]().next()
      stopped.abort()
      await expect(pending).rejects.toMatchObject({ code: 'client.closed' })
    })

    it('ends calls whose caller has aborted already', async () => {
      const signal = AbortSignal.abort()
      await expect(transport.unary(`${service}/Query`, none, { signal })).rejects.toMatchObject({
        code: 'client.closed',
      })
      await expect(subscribe('/xmtp/0/m-suite-aborted/proto', signal)).rejects.toMatchObject({
        code: 'client.closed',
      })
    })

    it.each([
      ['a request that does not decode', `${service}/Query`, Uint8Array.of(0xff, 0xff)],
      ['a query without topics', `${service}/Query`, none],
      ['a method that is none', `${service}/Nothing`, none],
    ])('rejects %s with what the node says', async (_what, path, request) => {
      await expect(transport.unary(path, request, {})).rejects.toMatchObject({
        code: 'client.node.refused',
      })
    })

    it('rejects a stream that the node refuses', async () => {
      const request = SubscribeRequest.encode({
        contentTopics: ['/xmtp/0/m-suite-token/proto'],
        resume: true,
        resumeAfter: new Uint8Array(16),
      }).finish()
      const open = async () => {
        const { messages } = await transport.serverStream(`${service}/Subscribe`, request, {})
        await messages[Symbol.asyncIterator]().next()
      }
      await expect(open()).rejects.toMatchObject({
        code: 'client.node.otherLog',
        details: { status: 9 },
      })
    })

    it('serves many calls at once', async () => {
      const topic = '/xmtp/0/m-suite-many/proto'
      await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          publish(envelope(topic, index + 1, Uint8Array.of(index))),
        ),
      )
      const answer = await transport.unary(
        `${service}/Query`,
        QueryRequest.encode(queryOf(topic)).finish(),
        {},
      )
      expect(QueryResponse.decode(answer).envelopes).toHaveLength(50)
    })
  })
}
