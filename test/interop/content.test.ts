import type { ContentCodec, EncodedContent } from 'xmtp-js-11'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestNode, type TestNode } from '../support/node.ts'
import { newWallet, pairs, published11, sdks, type SdkName } from './sdks.ts'

let node: TestNode

beforeAll(async () => {
  node = await startTestNode()
})

afterAll(async () => {
  await node.close()
})

const { Compression, ContentTypeId } = published11

/** An app's own type: a point on a map. */
const pointType = new ContentTypeId({
  authorityId: 'example.org',
  typeId: 'point',
  versionMajor: 1,
  versionMinor: 2,
})

type Point = { x: number; y: number }

const pointCodec: ContentCodec<Point> = {
  contentType: pointType,
  encode: ({ x, y }): EncodedContent => ({
    type: pointType,
    parameters: { unit: 'm' },
    content: new TextEncoder().encode(`${x},${y}`),
  }),
  decode: ({ content }) => {
    const [x, y] = new TextDecoder().decode(content).split(',').map(Number)
    return { x: x!, y: y! }
  },
  fallback: ({ x, y }) => `A point at ${x}, ${y}`,
  shouldPush: () => false,
}

describe.each(pairs)('%s writes, %s reads', (writer, reader) => {
  const open = (sdk: SdkName, codecs: ContentCodec<Point>[] = []) =>
    sdks[sdk].Client.create(newWallet(), { env: 'local', apiUrl: node.url, codecs })

  it('a type of an app, for one who knows it and one who does not', async () => {
    const a = await open(writer, [pointCodec])
    for (const codecs of [[pointCodec], []]) {
      const b = await open(reader, codecs)
      const conversation = await a.conversations.newConversation(b.address)
      await conversation.send({ x: 3, y: -4 }, { contentType: pointType })
      await conversation.send('and a text')
      const [listed] = await b.conversations.list()
      const [point, text] = await listed!.messages()
      expect(text?.content).toBe('and a text')
      expect(point?.contentType.typeId).toBe('point')
      if (codecs.length > 0) expect(point?.content).toEqual({ x: 3, y: -4 })
      else {
        expect(point?.content).toBeUndefined()
        expect(point?.error).toBeInstanceOf(Error)
        expect(point?.contentFallback).toBe('A point at 3, -4')
      }
    }
  })

  it('compressed text', async () => {
    const [a, b] = [await open(writer), await open(reader)]
    const conversation = await a.conversations.newConversation(b.address)
    // The published SDKs stop inflating at 1,000 bytes.
    const text = 'again and '.repeat(90)
    for (const compression of [Compression.COMPRESSION_DEFLATE, Compression.COMPRESSION_GZIP])
      await conversation.send(text, { compression })
    const [listed] = await b.conversations.list()
    expect((await listed!.messages()).map(({ content }) => content)).toEqual([text, text])
  })

  it('a text of 900 kB', async () => {
    const [a, b] = [await open(writer), await open(reader)]
    const conversation = await a.conversations.newConversation(b.address)
    const text = 'ä'.repeat(450_000)
    await conversation.send(text)
    const [listed] = await b.conversations.list()
    expect((await listed!.messages())[0]?.content).toBe(text)
  })
})
