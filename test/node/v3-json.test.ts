import { openMemoryV3Store } from '@xmtp-ts/node'
import { describe, expect, it } from 'vitest'
import { closeAfterEach, linesOf, postJson, startNode, type TestNode } from './support.ts'

closeAfterEach()

const groupId = Buffer.alloc(16, 0xfb).toString('base64')
const noHmac = ''

/** A PrivateMessage by hand (RFC 9420 §6.3), in base64. */
function mlsMessage(text: string): string {
  const vector = (bytes: Uint8Array) => Buffer.concat([Buffer.of(bytes.length), bytes])
  return Buffer.concat([
    Buffer.from('00010002', 'hex'),
    vector(Buffer.from(groupId, 'base64')),
    Buffer.alloc(8),
    Buffer.of(3),
    vector(Buffer.alloc(0)),
    vector(Buffer.alloc(0)),
    vector(Buffer.from(text)),
  ]).toString('base64')
}

const open = () => startNode({ v3: openMemoryV3Store(), nowMs: () => 1_000 })

async function post(node: TestNode, path: string, body: unknown) {
  const response = await postJson(node.url, path, body)
  return { status: response.status, body: (await response.json()) as unknown }
}

const send = (node: TestNode, text: string) =>
  post(node, '/mls/v1/send-group-messages', {
    messages: [{ v1: { data: mlsMessage(text), senderHmac: noHmac, should_push: true } }],
  })

const stored = (text: string, id: number, createdNs: string) => ({
  v1: {
    id: String(id),
    createdNs,
    groupId,
    data: mlsMessage(text),
    senderHmac: '',
    shouldPush: true,
    isCommit: true,
  },
})

describe('V3 over JSON', () => {
  it('writes every field, also unset ones, as the reference does', async () => {
    const node = await open()
    expect(await send(node, 'a')).toEqual({ status: 200, body: {} })
    expect(
      await post(node, '/mls/v1/query-group-messages', {
        groupId,
        pagingInfo: { direction: 'SORT_DIRECTION_ASCENDING', limit: '7', id_cursor: 0 },
      }),
    ).toEqual({
      status: 200,
      body: {
        messages: [stored('a', 1, '1000000000')],
        pagingInfo: { direction: 'SORT_DIRECTION_ASCENDING', limit: 7, idCursor: '0' },
      },
    })
  })

  it('reads both spellings of names and of base64, and refuses what is wrong', async () => {
    const node = await open()
    await send(node, 'a')
    const urlSafe = groupId.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
    const found = await post(node, '/mls/v1/query-group-messages', { group_id: urlSafe })
    expect(found.body).toMatchObject({ messages: [{ v1: { id: '1' } }] })
    for (const bad of [
      { groupId: 5 },
      { groupId: '*' },
      { groupId, pagingInfo: { direction: 'UP' } },
    ])
      expect(await post(node, '/mls/v1/query-group-messages', bad)).toMatchObject({
        status: 400,
        body: { code: 3 },
      })
    expect(await post(node, '/mls/v1/send-group-messages', '')).toEqual({
      status: 400,
      body: { code: 3, message: 'no group messages to send', details: [] },
    })
  })

  it('takes the newest messages by GET, in the order asked for', async () => {
    const node = await open()
    await send(node, 'a')
    const other = Buffer.alloc(16, 1).toString('base64')
    const query = new URLSearchParams([
      ['groupIds', other],
      ['groupIds', groupId],
      ['includeContent', 'true'],
    ])
    const response = await fetch(`${node.url}/mls/v1/get-newest-group-message?${query}`)
    expect(await response.json()).toEqual({
      responses: [{}, { groupMessage: stored('a', 1, '1000000000') }],
    })
    expect((await post(node, '/mls/v1/get-newest-group-message', {})).status).toBe(501)
  })

  it('streams lines', async () => {
    const node = await open()
    const response = await postJson(node.url, '/mls/v1/subscribe-group-messages', {
      filters: [{ groupId }],
    })
    await send(node, 'a')
    const { value } = await linesOf(response).next()
    expect(value).toEqual({ result: stored('a', 1, '1000000000') })
  })

  it('reads nested actions and signatures of an identity update', async () => {
    const node = await open()
    const signature = { erc_191: { bytes: Buffer.alloc(65, 1).toString('base64') } }
    const update = {
      inboxId: 'ab'.repeat(32),
      clientTimestampNs: '1',
      actions: [
        {
          createInbox: {
            initialIdentifier: `0x${'ab'.repeat(20)}`,
            nonce: '1',
            initialIdentifierSignature: signature,
          },
        },
      ],
    }
    const answer = await post(node, '/identity/v1/publish-identity-update', {
      identityUpdate: update,
    })
    // Read to the last field, and then found to be signed by somebody else.
    expect(answer).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('v3.identity.signer.notAllowed') },
    })
    expect(
      await post(node, '/identity/v1/get-inbox-ids', {
        requests: [{ identifier: '0xAB', identifierKind: 'IDENTIFIER_KIND_PASSKEY' }],
      }),
    ).toEqual({
      status: 200,
      body: { responses: [{ identifier: '0xAB', identifierKind: 'IDENTIFIER_KIND_PASSKEY' }] },
    })
  })
})
