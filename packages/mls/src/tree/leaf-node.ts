import type { Codec } from '../codec/tls.ts'
import {
  encode,
  opaque,
  nothing,
  struct,
  tagged,
  uint16,
  uint32,
  uint64,
  uint8,
  vector,
} from '../codec/tls.ts'
import type { Credential } from './credential.ts'
import { credentialCodec } from './credential.ts'
import type { Extension } from './extension.ts'
import { extensionsCodec } from './extension.ts'

/** What a client says it can do (RFC 9420 §7.2). */
export type Capabilities = {
  readonly versions: readonly number[]
  readonly cipherSuites: readonly number[]
  readonly extensions: readonly number[]
  readonly proposals: readonly number[]
  readonly credentials: readonly number[]
}

/** Unix seconds between which a key package may be used (RFC 9420 §7.2). */
export type Lifetime = { readonly notBefore: bigint; readonly notAfter: bigint }

/** How a leaf came into the tree (RFC 9420 §7.2). */
export type LeafSource =
  | { readonly kind: 'keyPackage'; readonly lifetime: Lifetime }
  | { readonly kind: 'update' }
  | { readonly kind: 'commit'; readonly parentHash: Uint8Array }

/** A leaf before it is signed. */
export type UnsignedLeafNode = {
  readonly encryptionKey: Uint8Array
  readonly signatureKey: Uint8Array
  readonly credential: Credential
  readonly capabilities: Capabilities
  readonly source: LeafSource
  readonly extensions: readonly Extension[]
}

/** One member of the tree (RFC 9420 §7.2). */
export type LeafNode = UnsignedLeafNode & { readonly signature: Uint8Array }

/** Where a leaf sits: part of what is signed for leaves made inside a group. */
export type LeafPlace = { readonly groupId: Uint8Array; readonly leafIndex: number }

const capabilitiesCodec = struct<Capabilities>({
  versions: vector(uint16),
  cipherSuites: vector(uint16),
  extensions: vector(uint16),
  proposals: vector(uint16),
  credentials: vector(uint16),
})

export const lifetimeCodec = struct<Lifetime>({ notBefore: uint64, notAfter: uint64 })

const sourceCodec = tagged<LeafSource>(uint8, 'leaf_node_source', {
  keyPackage: [1, struct<{ lifetime: Lifetime }>({ lifetime: lifetimeCodec })],
  update: [2, nothing],
  commit: [3, struct<{ parentHash: Uint8Array }>({ parentHash: opaque })],
})

const unsignedFields: { readonly [K in keyof UnsignedLeafNode]: Codec<UnsignedLeafNode[K]> } = {
  encryptionKey: opaque,
  signatureKey: opaque,
  credential: credentialCodec,
  capabilities: capabilitiesCodec,
  source: sourceCodec,
  extensions: extensionsCodec,
}
const unsignedCodec = struct<UnsignedLeafNode>(unsignedFields)

export const leafNodeCodec = struct<LeafNode>({ ...unsignedFields, signature: opaque })

const placeCodec = struct<LeafPlace>({ groupId: opaque, leafIndex: uint32 })
const tbsInGroupCodec = struct<{ leaf: UnsignedLeafNode; place: LeafPlace }>({
  leaf: unsignedCodec,
  place: placeCodec,
})

/** LeafNodeTBS: the place is signed for leaves with source update and commit only (RFC 9420 §7.2). */
export function leafNodeTbs(leaf: UnsignedLeafNode, place: LeafPlace): Uint8Array {
  return leaf.source.kind === 'keyPackage'
    ? encode(unsignedCodec, leaf)
    : encode(tbsInGroupCodec, { leaf, place })
}
