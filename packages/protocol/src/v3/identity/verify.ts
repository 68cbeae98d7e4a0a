import { addressOfPoint } from '../../address.ts'
import type { Brand } from '../../brand.ts'
import { concatBytes } from '../../bytes.ts'
import { personalMessageDigest } from '../../crypto/signature.ts'
import { XmtpError } from '../../errors.ts'
import { parseUnsignedKey } from '../../keys/public-key.ts'
import { createIdentityText } from '../../keys/sign-texts.ts'
import { mapSignatures, type SignedAction } from './action.ts'
import { isCanonicalAccountId } from './account-id.ts'
import type { ContractVerdict, ContractVerdicts } from './contract.ts'
import { recoverWalletSignature } from './ecdsa.ts'
import { ethereumIdentifier, type MemberIdentifier } from './identifier.ts'
import { isSignedByInstallation } from './installation.ts'
import { verifyPasskeySignature } from './passkey.ts'
import {
  signatureKey,
  type ContractSignature,
  type IdentitySignature,
  type InstallationSignature,
  type LegacySignature,
  type SignatureKind,
} from './signature.ts'
import { identityUpdateText } from './text.ts'
import type { IdentityUpdate } from './update.ts'

/** A signature that holds, reduced to what the rules of the log ask. */
export type VerifiedSignature = {
  readonly kind: SignatureKind
  readonly signer: MemberIdentifier
  /** Of contract wallets only. */
  readonly chainId: bigint | undefined
  /** What libxmtp remembers of it to find replays. */
  readonly replayBytes: Uint8Array
  /** What is the same for all spellings of it. */
  readonly canonicalBytes: Uint8Array
  /** Whether all versions of libxmtp read it alike; a node takes no other. */
  readonly isCanonical: boolean
}

type VerifiedContent = {
  readonly inboxId: string
  readonly clientTimestampNs: bigint
  readonly actions: readonly SignedAction<VerifiedSignature>[]
}

/** An update all of whose signatures hold. Whether its log allows it, `applyIdentityUpdate` says. */
export type VerifiedIdentityUpdate = Brand<VerifiedContent, 'VerifiedIdentityUpdate'>

const noVerdicts: ContractVerdicts = new Map()

/**
 * Checks every signature of an update against its text (v3-mls §1.4 to §1.7). One that serves several actions is
 * checked once.
 * @param verdicts the answers of `askContracts`; needed when the update has contract signatures
 * @throws XmtpError `v3.identity.signature.malformed` or `v3.identity.signature.invalid`
 */
export function verifyIdentityUpdate(
  update: IdentityUpdate,
  verdicts: ContractVerdicts = noVerdicts,
): VerifiedIdentityUpdate {
  const signed = signedText(identityUpdateText(update))
  const known = new Map<string, VerifiedSignature>()
  const verify = (signature: IdentitySignature): VerifiedSignature => {
    const key = signatureKey(signature)
    const verified = known.get(key) ?? verifyOver(signed, signature, verdicts.get(key))
    known.set(key, verified)
    return verified
  }
  const { inboxId, clientTimestampNs } = update
  const verified: VerifiedContent = {
    inboxId,
    clientTimestampNs,
    actions: update.actions.map((action) => mapSignatures(action, verify)),
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every signature has just been checked
  return verified as VerifiedIdentityUpdate
}

/**
 * Checks one signature against the text that it is under.
 * @throws XmtpError `v3.identity.signature.malformed` or `v3.identity.signature.invalid`
 */
export function verifySignature(
  text: string,
  signature: IdentitySignature,
  verdict?: ContractVerdict,
): VerifiedSignature {
  return verifyOver(signedText(text), signature, verdict)
}

/** A text with its digest: an update of many actions has a long text and many signatures over it. */
type SignedText = { readonly text: string; readonly digest: Uint8Array }

function signedText(text: string): SignedText {
  return { text, digest: personalMessageDigest(text) }
}

function verifyOver(
  { text, digest }: SignedText,
  signature: IdentitySignature,
  verdict: ContractVerdict | undefined,
): VerifiedSignature {
  switch (signature.kind) {
    case 'erc191': {
      const recovered = recoverWalletSignature(digest, signature.bytes)
      return { kind: 'erc191', chainId: undefined, ...recovered }
    }
    case 'erc1271':
      return contractSignature(signature, verdict)
    case 'installation':
      return installationSignature(text, signature)
    case 'legacy':
      return legacySignature(digest, signature)
    case 'passkey': {
      const verified = verifyPasskeySignature(text, signature)
      return { kind: 'passkey', chainId: undefined, isCanonical: true, ...verified }
    }
    default:
      return signature satisfies never
  }
}

function contractSignature(
  { account, bytes }: ContractSignature,
  verdict: ContractVerdict | undefined,
): VerifiedSignature {
  if (verdict === undefined)
    throw new TypeError('A contract signature has no verdict: pass those of askContracts.')
  if (!verdict.isValid)
    throw new XmtpError(
      'v3.identity.signature.invalid',
      `Signature validation failed: ${account.text} did not sign${verdict.reason === undefined ? '' : ` (${verdict.reason})`}.`,
    )
  return {
    kind: 'erc1271',
    signer: ethereumIdentifier(account.address),
    chainId: account.chainId,
    replayBytes: bytes,
    canonicalBytes: bytes,
    isCanonical: isCanonicalAccountId(account),
  }
}

function installationSignature(text: string, signature: InstallationSignature): VerifiedSignature {
  const { publicKey, bytes } = signature
  if (publicKey.length !== 32 || bytes.length !== 64)
    throw new XmtpError(
      'v3.identity.signature.malformed',
      `An installation signature has ${bytes.length} bytes under a key of ${publicKey.length}.`,
    )
  if (!isSignedByInstallation(text, signature))
    throw new XmtpError(
      'v3.identity.signature.invalid',
      'Signature validation failed: the installation did not sign.',
    )
  return {
    kind: 'installation',
    signer: { kind: 'installation', key: publicKey },
    chainId: undefined,
    replayBytes: bytes,
    canonicalBytes: bytes,
    isCanonical: true,
  }
}

/**
 * The V2 key signed the text, and a wallet signed the V2 key: the wallet counts as the signer (v3-mls §1.6). What is
 * remembered is the wallet's signature, so that a V2 key serves once in an inbox.
 */
function legacySignature(digest: Uint8Array, signature: LegacySignature): VerifiedSignature {
  const { keyBytes, signature: union } = signature.delegatedKey
  const compact = union?.union?.value
  if (compact === undefined)
    throw new XmtpError('v3.identity.signature.malformed', 'A V2 key carries no signature.')
  // libxmtp keeps the lowest byte of the recovery number, whatever the tag of the signature.
  const walletBytes = concatBytes(compact.bytes, Uint8Array.of(compact.recovery & 255))
  const wallet = recoverWalletSignature(
    personalMessageDigest(createIdentityText(keyBytes)),
    walletBytes,
  )
  const byKey = recoverWalletSignature(digest, signature.bytes)
  if (addressOfKey(keyBytes) !== byKey.signer.address)
    throw new XmtpError(
      'v3.identity.signature.invalid',
      'Signature validation failed: the V2 key did not sign.',
    )
  return {
    ...wallet,
    kind: 'legacy',
    chainId: undefined,
    isCanonical: wallet.isCanonical && byKey.isCanonical,
  }
}

function addressOfKey(keyBytes: Uint8Array): string {
  try {
    return ethereumIdentifier(addressOfPoint(parseUnsignedKey(keyBytes).point)).address
  } catch (cause) {
    throw new XmtpError('v3.identity.signature.malformed', 'A V2 key does not parse.', { cause })
  }
}
