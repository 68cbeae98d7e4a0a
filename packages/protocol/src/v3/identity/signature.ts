import {
  Signature as WireSignatureCodec,
  type LegacyDelegatedSignature as WireLegacySignature,
  type Signature as WireSignature,
} from '@xmtp-ts/proto/identity/associations/signature'
import type { SignedPublicKey } from '@xmtp-ts/proto/message_contents/keys'
import { bytesToHex } from '../../bytes.ts'
import { XmtpError } from '../../errors.ts'
import { parseAccountId, type AccountId } from './account-id.ts'

/** An externally owned account signed the text (EIP-191); recovering gives the signer. */
export type WalletSignature = {
  readonly kind: 'erc191'
  /** r ‖ s ‖ v, 65 bytes */
  readonly bytes: Uint8Array
}

/** A contract wallet answers for the signature (ERC-1271, ERC-6492). */
export type ContractSignature = {
  readonly kind: 'erc1271'
  readonly account: AccountId
  /** The block at which the contract is asked. */
  readonly blockNumber: bigint
  readonly bytes: Uint8Array
}

/** An installation signed the text (Ed25519ph). */
export type InstallationSignature = {
  readonly kind: 'installation'
  /** 32 bytes */
  readonly publicKey: Uint8Array
  /** 64 bytes */
  readonly bytes: Uint8Array
}

/** A V2 identity key signed the text for the wallet that had signed the key. */
export type LegacySignature = {
  readonly kind: 'legacy'
  readonly delegatedKey: SignedPublicKey
  /** r ‖ s ‖ v, 65 bytes, by the V2 key */
  readonly bytes: Uint8Array
}

/** A WebAuthn assertion over a challenge that is the text. */
export type PasskeySignature = {
  readonly kind: 'passkey'
  /** SEC1, 33 or 65 bytes */
  readonly publicKey: Uint8Array
  /** DER */
  readonly bytes: Uint8Array
  readonly authenticatorData: Uint8Array
  readonly clientDataJson: Uint8Array
}

/** A signature under an identity update, as the wire carries it; nothing is verified. */
export type IdentitySignature =
  | WalletSignature
  | ContractSignature
  | InstallationSignature
  | LegacySignature
  | PasskeySignature

export type SignatureKind = IdentitySignature['kind']

/** @throws XmtpError `v3.identity.signature.malformed` or `v3.identity.accountId.malformed` */
export function readSignature(wire: WireSignature | undefined): IdentitySignature {
  const union = wire?.signature
  switch (union?.$case) {
    case 'erc191':
      return { kind: 'erc191', bytes: union.value.bytes }
    case 'erc6492': {
      const { accountId, blockNumber, signature } = union.value
      return { kind: 'erc1271', account: parseAccountId(accountId), blockNumber, bytes: signature }
    }
    case 'installationKey':
      return { kind: 'installation', ...union.value }
    case 'delegatedErc191':
      return readLegacy(union.value)
    case 'passkey': {
      const { publicKey, signature, authenticatorData, clientDataJson } = union.value
      return { kind: 'passkey', publicKey, bytes: signature, authenticatorData, clientDataJson }
    }
    case undefined:
      throw new XmtpError('v3.identity.signature.malformed', 'A signature is missing.')
    default:
      return union satisfies never
  }
}

function readLegacy({ delegatedKey, signature }: WireLegacySignature): LegacySignature {
  if (delegatedKey === undefined || signature === undefined)
    throw new XmtpError(
      'v3.identity.signature.malformed',
      'A delegated signature lacks its key or itself.',
    )
  return { kind: 'legacy', delegatedKey, bytes: signature.bytes }
}

export function writeSignature(signature: IdentitySignature): WireSignature {
  const { bytes } = signature
  switch (signature.kind) {
    case 'erc191':
      return { signature: { $case: 'erc191', value: { bytes } } }
    case 'erc1271': {
      const { account, blockNumber } = signature
      const value = { accountId: account.text, blockNumber, signature: bytes }
      return { signature: { $case: 'erc6492', value } }
    }
    case 'installation': {
      const value = { bytes, publicKey: signature.publicKey }
      return { signature: { $case: 'installationKey', value } }
    }
    case 'legacy': {
      const value = { delegatedKey: signature.delegatedKey, signature: { bytes } }
      return { signature: { $case: 'delegatedErc191', value } }
    }
    case 'passkey': {
      const { publicKey, authenticatorData, clientDataJson } = signature
      const value = { publicKey, signature: bytes, authenticatorData, clientDataJson }
      return { signature: { $case: 'passkey', value } }
    }
    default:
      return signature satisfies never
  }
}

/** One string per signature, so that one which serves several actions is verified once. */
export function signatureKey(signature: IdentitySignature): string {
  return bytesToHex(WireSignatureCodec.encode(writeSignature(signature)).finish())
}
