import { createCodecRegistry, textCodec } from '@xmtp-ts/content'
import {
  createPreKey,
  createUnsignedKey,
  createIdentityText,
  publicKeyBundle,
  rememberingVerifier,
  signIdentityKey,
  v2,
  verifyKeyBundle,
  type PrivateKeyBundle,
} from '@xmtp-ts/protocol'
import * as fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { platformCompressor } from '../compression.ts'
import { systemEnvironment } from '../environment.ts'
import { createMessageApi, type MessageApi } from '../network/message-api.ts'
import { toSigner } from '../signer.ts'
import { memoryTransport } from '../transport/memory.ts'
import { createConversationBook, type ConversationRecord } from './conversation-book.ts'
import { receiveMessage } from './receive.ts'
import type { Problem, Session } from './session.ts'

const { random } = systemEnvironment

async function makeKeys(number: number): Promise<PrivateKeyBundle> {
  const signer = await toSigner(number.toString(16).padStart(64, '0'))
  const nowNs = 1_700_000_000_000_000_000n
  const unsigned = createUnsignedKey({ nowNs, random })
  const signature = await signer.signText(createIdentityText(unsigned.unsigned.keyBytes))
  const identityKey = signIdentityKey(unsigned, signature)
  return { identityKey, preKeys: [createPreKey(identityKey, { nowNs, random })] }
}

/** Where nobody answers: what is under test here asks nobody. */
const nobody: MessageApi = createMessageApi({
  transport: memoryTransport({
    unary: () => Promise.reject(new Error('no network')),
    serverStream: () => Promise.reject(new Error('no network')),
  }),
  headers: {},
  environment: systemEnvironment,
})

let session: Session
let record: ConversationRecord
let sealed: Uint8Array
let invitation: Uint8Array
const problems: Problem[] = []
const createdNs = 1_700_000_000_000_000_000n

beforeAll(async () => {
  const [keys, peerKeys] = [await makeKeys(1), await makeKeys(2)]
  const own = verifyKeyBundle(publicKeyBundle(keys))
  const peer = verifyKeyBundle(publicKeyBundle(peerKeys))
  session = {
    account: own.owner,
    keys,
    api: nobody,
    token: { current: () => '', renew: () => undefined },
    environment: systemEnvironment,
    signal: new AbortController().signal,
    verify: rememberingVerifier(10),
    codecs: createCodecRegistry([textCodec]),
    compressor: platformCompressor,
    maxContentBytes: 1_000,
    report: (problem) => problems.push(problem),
    timestampNs: () => createdNs,
  }
  const derived = v2.deriveConversation({
    own: keys,
    ownAddress: own.owner,
    peer,
    conversationId: undefined,
  })
  record = {
    ...derived,
    createdNs,
    peer: peer.owner,
    context: undefined,
    consentProof: undefined,
  }
  sealed = v2.sealMessage(Uint8Array.of(0x0a, 0x00), {
    conversation: derived,
    own: peerKeys,
    ownAddress: peer.owner,
    createdNs,
    nowMs: 0,
    shouldPush: true,
    random,
  }).bytes
  invitation = v2.sealInvitation(
    { ...derived, context: undefined, consentProof: undefined },
    { own: peerKeys, peer: own, createdNs, random },
  )
})

/** Any bytes, and good bytes with a few of them changed: those get further. */
const damaged = (good: () => Uint8Array) =>
  fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 }).map((changes) => {
      const bytes = good().slice()
      for (const [at, value] of changes) bytes[at % bytes.length] = value
      return bytes
    }),
    fc.nat().map((length) => good().subarray(0, length % good().length)),
  )

describe('an envelope of a conversation', () => {
  it('that is good is a message', async () => {
    const envelope = { topic: record.topic, timestampNs: createdNs, message: sealed }
    expect(await receiveMessage(session, record, envelope)).toMatchObject({
      ok: true,
      value: { sender: record.peer, received: { content: { ok: false } } },
    })
  })

  it('of any bytes is a message or a coded problem, never an exception', async () => {
    await fc.assert(
      fc.asyncProperty(
        damaged(() => sealed),
        async (message) => {
          const envelope = { topic: record.topic, timestampNs: createdNs, message }
          const result = await receiveMessage(session, record, envelope)
          if (!result.ok) expect(result.error.code).toMatch(/^[a-z0-9]+\.[a-zA-Z.]+$/)
        },
      ),
      { seed: 6, numRuns: 400 },
    )
  })
})

describe('an envelope of the invite topic', () => {
  it('that is good is a conversation, once', () => {
    const book = createConversationBook(session)
    const envelope = { topic: 'invite', timestampNs: createdNs, message: invitation }
    const first = book.receive(envelope)
    expect(first).toMatchObject({ topic: record.topic, peer: record.peer })
    expect(book.receive(envelope)).toBe(first)
    expect(book.all()).toEqual([first])
  })

  it('sent again at another time is a problem, and hides nothing', () => {
    const book = createConversationBook(session)
    problems.length = 0
    book.receive({ topic: 'invite', timestampNs: createdNs + 1n, message: invitation })
    expect(book.all()).toEqual([])
    expect(problems).toMatchObject([{ error: { code: 'v2.invitation.wrongTime' } }])
    book.receive({ topic: 'invite', timestampNs: createdNs, message: invitation })
    expect(book.all()).toHaveLength(1)
  })

  it('of any bytes is a conversation or a reported problem, never an exception', () => {
    fc.assert(
      fc.property(
        damaged(() => invitation),
        (message) => {
          const book = createConversationBook(session)
          problems.length = 0
          const found = book.receive({ topic: 'invite', timestampNs: createdNs, message })
          expect(problems).toHaveLength(found === undefined ? 1 : 0)
        },
      ),
      { seed: 8, numRuns: 300 },
    )
  })
})
