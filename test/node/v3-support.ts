import {
  basicCapabilities,
  basicCredential,
  chacha20Poly1305Suite,
  createKeyPackage,
  encode,
  keyPackageCodec,
  platformRandom,
} from '@xmtp-ts/mls'
import { openMemoryV3Store, type V3Store } from '@xmtp-ts/node'
import { MlsCredential } from '@xmtp-ts/proto/identity/credential'
import {
  SendGroupMessagesRequest,
  SendWelcomeMessagesRequest,
  UploadKeyPackageRequest,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import { v3 } from '@xmtp-ts/protocol'
import { grpcClient, startNode } from './support.ts'

export const mls = '/xmtp.mls.api.v1.MlsApi'
export const identity = '/xmtp.identity.api.v1.IdentityApi'
export const group = new Uint8Array(16).fill(1)
export const otherGroup = new Uint8Array(16).fill(2)
export const installation = new Uint8Array(32).fill(3)
export const none = new Uint8Array()

/** A PrivateMessage by hand (RFC 9420 §6.3). */
export function mlsMessage(
  text: string,
  options: { groupId?: Uint8Array; contentType?: number } = {},
) {
  const { groupId = group, contentType = 1 } = options
  const vector = (bytes: Uint8Array) => Buffer.concat([Buffer.of(bytes.length), bytes])
  return new Uint8Array(
    Buffer.concat([
      Buffer.from('00010002', 'hex'),
      vector(groupId),
      Buffer.alloc(8),
      Buffer.of(contentType),
      vector(none),
      vector(none),
      vector(Buffer.from(text)),
    ]),
  )
}

export function groupMessages(...data: readonly Uint8Array[]): Uint8Array {
  const messages = data.map((each) => ({
    version: {
      $case: 'v1' as const,
      value: { data: each, senderHmac: new Uint8Array(32), shouldPush: true },
    },
  }))
  return SendGroupMessagesRequest.encode({ messages }).finish()
}

export function welcomes(
  ...changes: readonly Partial<{
    installationKey: Uint8Array
    data: Uint8Array
    hpkePublicKey: Uint8Array
    welcomeMetadata: Uint8Array
    wrapperAlgorithm: number
  }>[]
): Uint8Array {
  const messages = changes.map((change) => ({
    version: {
      $case: 'v1' as const,
      value: {
        installationKey: installation,
        data: Uint8Array.of(1),
        hpkePublicKey: Uint8Array.of(1),
        wrapperAlgorithm: 1,
        welcomeMetadata: none,
        ...change,
      },
    },
  }))
  return SendWelcomeMessagesRequest.encode({ messages }).finish()
}

export const paging = (direction: number, limit = 0, idCursor = 0n) => ({
  direction,
  limit,
  idCursor,
})

export function upload(keyPackageTlsSerialized: Uint8Array): Uint8Array {
  return UploadKeyPackageRequest.encode({
    keyPackage: { keyPackageTlsSerialized },
    isInboxIdCredential: true,
  }).finish()
}

export async function newKeyPackage(change: { notAfter?: bigint; inboxId?: string } = {}) {
  const secret = platformRandom(32)
  const nowSeconds = BigInt(Math.floor(Date.now() / 1000))
  const { inboxId = 'ab'.repeat(32), notAfter = nowSeconds + 1000n } = change
  const { keyPackage } = await createKeyPackage({
    suite: chacha20Poly1305Suite,
    signaturePrivateKey: secret,
    credential: basicCredential(MlsCredential.encode({ inboxId }).finish()),
    capabilities: basicCapabilities(chacha20Poly1305Suite),
    lifetime: { notBefore: nowSeconds - 1000n, notAfter },
    random: platformRandom,
  })
  return { key: v3.installationKey(secret), bytes: encode(keyPackageCodec, keyPackage) }
}

/** A node with an empty store of V3, and a gRPC client. */
export async function openV3() {
  const store = openMemoryV3Store()
  const node = await startNode({ v3: store })
  return { node, store, client: grpcClient(node) }
}

/** How much there is of everything that the node keeps. */
export async function stored({
  groupMessages: messages,
  welcomes: all,
  commitLog,
  identity: logs,
}: V3Store) {
  return Promise.all([messages, all, commitLog, logs.log].map((log) => log.head()))
}
