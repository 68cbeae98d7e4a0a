import {
  Envelope,
  QueryResponse,
  SubscribeRequest,
} from '@xmtp-ts/proto/message_api/v1/message_api'
import { expect, it } from 'vitest'
import {
  closeAfterEach,
  messageApi,
  publishRequest,
  queryRequest,
  startNode,
  topic,
} from './support.ts'

closeAfterEach()

function frame(message: Uint8Array): Buffer<ArrayBuffer> {
  const header = Buffer.alloc(5)
  header.writeUInt32BE(message.length, 1)
  return Buffer.concat([header, message])
}

function frames(body: Buffer): { flag: number; payload: Buffer }[] {
  const found: { flag: number; payload: Buffer }[] = []
  for (let at = 0; at + 5 <= body.length;) {
    const length = body.readUInt32BE(at + 1)
    found.push({ flag: body[at]!, payload: body.subarray(at + 5, at + 5 + length) })
    at += 5 + length
  }
  return found
}

async function call(
  url: string,
  path: string,
  body: Uint8Array<ArrayBuffer> | string,
  type = 'application/grpc-web+proto',
) {
  return fetch(`${url}${messageApi}/${path}`, {
    method: 'POST',
    headers: { 'content-type': type, 'x-grpc-web': '1' },
    body,
  })
}

const bodyOf = async (response: Response): Promise<Buffer> =>
  Buffer.from(await response.arrayBuffer())

it('answers a message and a trailer frame', async () => {
  const { url } = await startNode()
  const published = await call(url, 'Publish', frame(publishRequest([{ time: 5 }])))
  expect(published.headers.get('content-type')).toBe('application/grpc-web+proto')
  expect(
    frames(await bodyOf(published)).map(({ flag, payload }) => [flag, payload.toString()]),
  ).toEqual([
    [0, ''],
    [0x80, 'grpc-status: 0\r\n'],
  ])
  const [page] = frames(
    await bodyOf(await call(url, 'Query', frame(queryRequest()), 'application/grpc-web')),
  )
  expect(QueryResponse.decode(page!.payload).envelopes).toHaveLength(1)
})

it('speaks the text form', async () => {
  const { url } = await startNode()
  const response = await call(
    url,
    'Query',
    frame(queryRequest()).toString('base64'),
    'application/grpc-web-text',
  )
  const body = Buffer.from((await bodyOf(response)).toString(), 'base64')
  expect(frames(body).map(({ flag }) => flag)).toEqual([0, 0x80])
})

it('puts the status of a failure in the trailer frame', async () => {
  const { url } = await startNode()
  const [trailers] = frames(await bodyOf(await call(url, 'Query', frame(queryRequest([])))))
  expect(trailers!.payload.toString()).toBe(
    'grpc-status: 3\r\ngrpc-message: content%20topics%20required\r\n',
  )
})

it.each([
  ['nothing', Buffer.alloc(0)],
  ['half a frame', frame(queryRequest()).subarray(0, 8)],
  ['a frame with a wrong length', Buffer.concat([frame(queryRequest()), Buffer.from('x')])],
  ['a compressed frame', Buffer.from([1, 0, 0, 0, 0])],
  ['a huge length', Buffer.from([0, 255, 255, 255, 255])],
])('refuses %s', async (_, body) => {
  const { url } = await startNode()
  const [trailers] = frames(await bodyOf(await call(url, 'Query', body)))
  expect(trailers!.payload.toString()).toMatch(/^grpc-status: [38]\r\n/)
})

it('has no method that needs two directions', async () => {
  const { url } = await startNode()
  const [trailers] = frames(await bodyOf(await call(url, 'Subscribe2', frame(new Uint8Array()))))
  expect(trailers!.payload.toString()).toMatch(/^grpc-status: 12\r\n/)
})

it('streams each message at once', async () => {
  const { url } = await startNode()
  const request = SubscribeRequest.encode({
    contentTopics: [topic],
    resume: true,
    resumeAfter: new Uint8Array(),
  }).finish()
  const response = await call(url, 'Subscribe', frame(request))
  expect(response.headers.get('x-xmtp-resume-token')).toHaveLength(24)
  const reader = response.body!.getReader()
  for (const time of [1, 2]) {
    await call(url, 'Publish', frame(publishRequest([{ time }])))
    const [message] = frames(Buffer.from((await reader.read()).value!))
    expect(Envelope.decode(message!.payload)).toMatchObject({ timestampNs: BigInt(time) })
    expect(Envelope.decode(message!.payload).resumeToken).toHaveLength(16)
  }
  await reader.cancel()
})
