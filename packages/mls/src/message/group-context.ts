import { opaque, struct, uint16, uint64 } from '../codec/tls.ts'
import type { Extension } from '../tree/extension.ts'
import { extensionsCodec } from '../tree/extension.ts'

/** What all members agree on in one epoch (RFC 9420 §8.1). */
export type GroupContext = {
  readonly version: number
  readonly cipherSuite: number
  readonly groupId: Uint8Array
  readonly epoch: bigint
  readonly treeHash: Uint8Array
  readonly confirmedTranscriptHash: Uint8Array
  readonly extensions: readonly Extension[]
}

export const groupContextCodec = struct<GroupContext>({
  version: uint16,
  cipherSuite: uint16,
  groupId: opaque,
  epoch: uint64,
  treeHash: opaque,
  confirmedTranscriptHash: opaque,
  extensions: extensionsCodec,
})

/** The one protocol version there is (RFC 9420 §17.1 "mls10"). */
export const protocolVersion = 1
