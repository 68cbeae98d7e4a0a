import { opaque, optional, struct, uint16, uint32, vector } from '../codec/tls.ts'
import type { HpkeCiphertext } from '../hpke/hpke.ts'
import type { Extension } from '../tree/extension.ts'
import { extensionsCodec } from '../tree/extension.ts'
import type { GroupContext } from './group-context.ts'
import { groupContextCodec } from './group-context.ts'
import type { PreSharedKeyId } from './proposal.ts'
import { preSharedKeyIdsCodec } from './proposal.ts'

/** One new member's share of a welcome (RFC 9420 §12.4.3.1). */
export type EncryptedGroupSecrets = {
  readonly newMember: Uint8Array
  readonly encryptedGroupSecrets: HpkeCiphertext
}

/** How new members learn the state of their first epoch (RFC 9420 §12.4.3.1). */
export type Welcome = {
  readonly cipherSuite: number
  readonly secrets: readonly EncryptedGroupSecrets[]
  readonly encryptedGroupInfo: Uint8Array
}

/** GroupInfo without its signature (RFC 9420 §12.4.3). */
export type UnsignedGroupInfo = {
  readonly context: GroupContext
  readonly extensions: readonly Extension[]
  readonly confirmationTag: Uint8Array
  readonly signer: number
}

/** A signed description of an epoch, for those who are not in the group yet (RFC 9420 §12.4.3). */
export type GroupInfo = UnsignedGroupInfo & { readonly signature: Uint8Array }

/** What only the new member may read (RFC 9420 §12.4.3.1). */
export type GroupSecrets = {
  readonly joinerSecret: Uint8Array
  readonly pathSecret: { readonly pathSecret: Uint8Array } | undefined
  readonly psks: readonly PreSharedKeyId[]
}

export const hpkeCiphertextCodec = struct<HpkeCiphertext>({ kemOutput: opaque, ciphertext: opaque })

export const welcomeCodec = struct<Welcome>({
  cipherSuite: uint16,
  secrets: vector(
    struct<EncryptedGroupSecrets>({
      newMember: opaque,
      encryptedGroupSecrets: hpkeCiphertextCodec,
    }),
  ),
  encryptedGroupInfo: opaque,
})

const unsignedGroupInfoFields = {
  context: groupContextCodec,
  extensions: extensionsCodec,
  confirmationTag: opaque,
  signer: uint32,
}

/** GroupInfoTBS (RFC 9420 §12.4.3). */
export const groupInfoTbsCodec = struct<UnsignedGroupInfo>(unsignedGroupInfoFields)

export const groupInfoCodec = struct<GroupInfo>({ ...unsignedGroupInfoFields, signature: opaque })

export const groupSecretsCodec = struct<GroupSecrets>({
  joinerSecret: opaque,
  pathSecret: optional(struct<{ pathSecret: Uint8Array }>({ pathSecret: opaque })),
  psks: preSharedKeyIdsCodec,
})
