import { createHash, randomBytes } from 'node:crypto'
import { PublishIdentityUpdateRequest } from '@xmtp-ts/proto/identity/api/v1/identity'
import { IdentityUpdate } from '@xmtp-ts/proto/identity/associations/association'
import {
  SendGroupMessagesRequest,
  SubscribeGroupMessagesRequest,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import {
  addressOfPoint,
  personalMessageDigest,
  publicPoint,
  signDigest,
  v3,
} from '@xmtp-ts/protocol'

export const mls = '/xmtp.mls.api.v1.MlsApi'
export const identityPaths = {
  publish: '/xmtp.identity.api.v1.IdentityApi/PublishIdentityUpdate',
} as const

export function groupId(index: number): Buffer {
  const id = Buffer.alloc(16)
  id.writeUInt32BE(index)
  return id
}

/** Of a short text of libxmtp (node-api §8.1). */
const messageBytes = 219
const senderHmac = randomBytes(32)

/** An MLS PrivateMessage (RFC 9420 §6.3) of noise, whose last eight bytes are `tag`. */
export function groupMessage(group: number, tag?: bigint): Buffer {
  const head = Buffer.concat([
    Buffer.from('0001000210', 'hex'),
    groupId(group),
    Buffer.alloc(8),
    Buffer.of(1, 0, 0),
  ])
  // The length of what follows takes two bytes: it is above 63.
  const noise = randomBytes(messageBytes - head.length - 2)
  if (tag !== undefined) noise.writeBigUInt64BE(tag, noise.length - 8)
  const length = Buffer.of(0x40 | (noise.length >> 8), noise.length & 0xff)
  return Buffer.concat([head, length, noise])
}

export function sendRequest(
  messages: number,
  options: { readonly group?: number; readonly tag?: bigint } = {},
): Uint8Array {
  const { group = Math.floor(Math.random() * 1_000), tag } = options
  return SendGroupMessagesRequest.encode({
    messages: Array.from({ length: messages }, () => ({
      version: {
        $case: 'v1' as const,
        value: { data: groupMessage(group, tag), senderHmac, shouldPush: true },
      },
    })),
  }).finish()
}

export function subscribeRequest(groups: readonly number[]): Uint8Array {
  const filters = groups.map((index) => ({ groupId: groupId(index), idCursor: 0n }))
  return SubscribeGroupMessagesRequest.encode({ filters }).finish()
}

/** An inbox with a wallet, which adds the same installation again with every update but the first. */
export type BenchInbox = {
  /** The next updates, encoded as requests. */
  requests(count: number): Uint8Array[]
  /** The next update itself. */
  next(): v3.IdentityUpdate
}

export function inbox(number: number): BenchInbox {
  const key = secret(`owner ${number}`)
  const owner = v3.ethereumIdentifier(addressOfPoint(publicPoint(key)))
  const inboxId = v3.deriveInboxId(owner, 1n)
  let made = 0
  const next = (): v3.IdentityUpdate => {
    made += 1
    const clientTimestampNs = BigInt(1_700_000_000 + made) * 1_000_000_000n
    if (made === 1) {
      const create = { kind: 'createInbox', identifier: owner, nonce: 1n } as const
      const text = v3.identityUpdateText({ inboxId, clientTimestampNs, actions: [create] })
      const signature = walletSignature(key, text)
      return { inboxId, clientTimestampNs, actions: [{ ...create, signature }] }
    }
    // Always the same installation, so that only the log grows.
    const installation = secret(`installation ${number}`)
    const member = v3.installationIdentifier(v3.installationKey(installation))
    const actions = [{ kind: 'add', member } as const]
    const text = v3.identityUpdateText({ inboxId, clientTimestampNs, actions })
    const existingSignature = walletSignature(key, text)
    const newSignature = v3.signAsInstallation(installation, text)
    const add = { kind: 'add', member, existingSignature, newSignature } as const
    return { inboxId, clientTimestampNs, actions: [add] }
  }
  const request = (): Uint8Array =>
    PublishIdentityUpdateRequest.encode({
      identityUpdate: IdentityUpdate.decode(v3.encodeIdentityUpdate(next())),
    }).finish()
  return { next, requests: (count) => Array.from({ length: count }, request) }
}

function secret(name: string): Uint8Array {
  return createHash('sha256').update(name).digest()
}

function walletSignature(key: Uint8Array, text: string): v3.WalletSignature {
  const { bytes, recovery } = signDigest(key, personalMessageDigest(text))
  return { kind: 'erc191', bytes: Uint8Array.of(...bytes, 27 + recovery) }
}
