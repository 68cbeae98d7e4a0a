import { encode, opaque, struct, uint16 } from '../codec/tls.ts'
import type { Extension } from './extension.ts'
import { extensionsCodec } from './extension.ts'
import type { LeafNode } from './leaf-node.ts'
import { leafNodeCodec } from './leaf-node.ts'

type UnsignedKeyPackage = {
  readonly version: number
  readonly cipherSuite: number
  readonly initKey: Uint8Array
  readonly leafNode: LeafNode
  readonly extensions: readonly Extension[]
}

/** What a client publishes so that others can add it (RFC 9420 §10). */
export type KeyPackage = UnsignedKeyPackage & { readonly signature: Uint8Array }

const unsignedFields = {
  version: uint16,
  cipherSuite: uint16,
  initKey: opaque,
  leafNode: leafNodeCodec,
  extensions: extensionsCodec,
}
const unsignedCodec = struct<UnsignedKeyPackage>(unsignedFields)

export const keyPackageCodec = struct<KeyPackage>({ ...unsignedFields, signature: opaque })

/** KeyPackageTBS (RFC 9420 §10). */
export function keyPackageTbs(keyPackage: UnsignedKeyPackage): Uint8Array {
  return encode(unsignedCodec, keyPackage)
}
