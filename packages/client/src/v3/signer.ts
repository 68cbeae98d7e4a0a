import {
  bytesFromHex,
  bytesToHex,
  compactWalletSignature,
  concatBytes,
  personalMessageDigest,
  v3,
  XmtpError,
} from '@xmtp-ts/protocol'
import type { IdentityApi } from '../network/identity-api.ts'
import { toSigner, type AnySigner } from '../signer.ts'
import { readIdentifier, type Identifier } from './identity/public-identifier.ts'

/** 65 bytes of a wallet or whatever a contract takes, or their hex. */
export type SignedBytes = Uint8Array | string

/** A wallet with a key of its own, as `@xmtp/node-sdk` declares it. */
export type ExternallyOwnedSigner = {
  readonly type: 'EOA'
  getIdentifier(): Identifier | Promise<Identifier>
  signMessage(message: string): SignedBytes | Promise<SignedBytes>
}

/** A contract wallet, as `@xmtp/node-sdk` declares it. */
export type ContractSigner = {
  readonly type: 'SCW'
  getIdentifier(): Identifier | Promise<Identifier>
  signMessage(message: string): SignedBytes | Promise<SignedBytes>
  getChainId(): bigint | Promise<bigint>
  /** The block at which the contract answers for the signature; if left out, the latest. */
  getBlockNumber?(): bigint | undefined | Promise<bigint | undefined>
}

/** What WebAuthn gives for a challenge. */
export type PasskeyAssertion = {
  /** DER */
  readonly signature: Uint8Array
  readonly authenticatorData: Uint8Array
  readonly clientDataJson: Uint8Array
}

/** A passkey. Its challenge is the UTF-8 text of the message, byte for byte. */
export type PasskeySigner = {
  readonly type: 'passkey'
  /** SEC1 P-256 point in hex, 33 or 65 bytes */
  getIdentifier(): Identifier | Promise<Identifier>
  signMessage(message: string): Promise<PasskeyAssertion>
}

/** Whatever can sign for an inbox. */
export type AnyInboxSigner = AnySigner | ExternallyOwnedSigner | ContractSigner | PasskeySigner

/** Somebody who signs identity updates: an account, or an installation. */
export type UpdateSigner = {
  readonly identifier: v3.MemberIdentifier
  readonly sign: (text: string) => Promise<v3.IdentitySignature>
}

/** An account as this SDK uses it. */
export type InboxSigner = UpdateSigner & { readonly identifier: v3.Identifier }

/**
 * Makes a signer of whatever an app has. Signatures are checked to be the account's before they are given out.
 * @param contracts asked when a contract wallet signs
 * @throws XmtpError `client.signer.unusable`, `client.signer.refused` or `v3.identity.identifier.malformed`; signing,
 * besides these, `client.signer.notExternallyOwned`, `client.signer.wrongAccount`, `client.signer.contractRefused` or
 * what asking a chain throws
 */
export async function toInboxSigner(
  signer: AnyInboxSigner,
  contracts: v3.ContractVerifier,
): Promise<InboxSigner> {
  if (!isTyped(signer)) return walletSigner(await toSigner(signer))
  switch (signer.type) {
    case 'EOA':
      return externallyOwned(signer)
    case 'SCW':
      return contractWallet(signer, contracts)
    case 'passkey':
      return passkey(signer)
    default:
      signer satisfies never
      throw new XmtpError('client.signer.unusable', 'This kind of signer is not known.')
  }
}

/** Signs as an installation does. @param signingKey Ed25519 seed, 32 bytes */
export function installationSigner(signingKey: Uint8Array): UpdateSigner {
  return {
    identifier: v3.installationIdentifier(v3.installationKey(signingKey)),
    sign: (text) => Promise.resolve(v3.signAsInstallation(signingKey, text)),
  }
}

/** Asks chains through the node, as clients without chain access do (v3-mls §1.5). */
export function contractsOf(
  api: Pick<IdentityApi, 'verifySmartContractWalletSignatures'>,
): v3.ContractVerifier {
  return {
    async verify(check) {
      const [verdict] = await api.verifySmartContractWalletSignatures([check])
      if (verdict === undefined)
        throw new XmtpError('client.network.malformedAnswer', 'A verdict is missing.')
      return verdict
    },
  }
}

/** Accounts of viem have a `type` too. */
function isTyped(
  signer: AnyInboxSigner,
): signer is ExternallyOwnedSigner | ContractSigner | PasskeySigner {
  return typeof signer === 'object' && 'getIdentifier' in signer
}

async function externallyOwned(signer: ExternallyOwnedSigner): Promise<InboxSigner> {
  const identifier = await identifierOf(signer, 'ethereum')
  return walletSigner(
    await toSigner({
      address: v3.identifierText(identifier),
      signMessage: async ({ message }: { readonly message: string }) => {
        const signature = await signer.signMessage(message)
        return typeof signature === 'string' ? signature : `0x${bytesToHex(signature)}`
      },
    }),
  )
}

function walletSigner({ account, signText }: Awaited<ReturnType<typeof toSigner>>): InboxSigner {
  return {
    identifier: v3.ethereumIdentifier(account),
    sign: async (text) => walletSignature(await signText(text)),
  }
}

async function contractWallet(
  signer: ContractSigner,
  contracts: v3.ContractVerifier,
): Promise<InboxSigner> {
  const identifier = await identifierOf(signer, 'ethereum')
  const chainId = await asked(() => signer.getChainId())
  const address = v3.identifierText(identifier)
  const account = v3.parseAccountId(v3.formatAccountId({ chainId, address }))
  return {
    identifier,
    async sign(text) {
      const bytes = signedBytes(await asked(() => signer.signMessage(text)))
      const stated = await asked(() => signer.getBlockNumber?.())
      const hash = personalMessageDigest(text)
      const verdict = await contracts.verify({
        account,
        hash,
        signature: bytes,
        blockNumber: stated,
      })
      const blockNumber = stated ?? verdict.blockNumber
      if (!verdict.isValid || blockNumber === undefined)
        throw new XmtpError(
          'client.signer.contractRefused',
          `${account.text} does not answer for its signature: ${verdict.reason ?? 'it names no block'}.`,
        )
      return { kind: 'erc1271', account, blockNumber, bytes }
    },
  }
}

async function passkey(signer: PasskeySigner): Promise<InboxSigner> {
  const identifier = await identifierOf(signer, 'passkey')
  return {
    identifier,
    async sign(text) {
      const assertion = await asked(() => signer.signMessage(text))
      const { signature, authenticatorData, clientDataJson } = assertion
      const { key: publicKey } = identifier
      const bytes = signature
      return { kind: 'passkey', publicKey, bytes, authenticatorData, clientDataJson }
    },
  }
}

async function identifierOf<K extends v3.Identifier['kind']>(
  signer: { getIdentifier(): Identifier | Promise<Identifier> },
  kind: K,
): Promise<Extract<v3.Identifier, { kind: K }>> {
  const identifier = readIdentifier(await asked(() => signer.getIdentifier()))
  if (!isOfKind(identifier, kind))
    throw new XmtpError(
      'client.signer.unusable',
      `A signer for identifiers of kind ${kind} names one of kind ${identifier.kind}.`,
    )
  return identifier
}

function isOfKind<K extends v3.Identifier['kind']>(
  identifier: v3.Identifier,
  kind: K,
): identifier is Extract<v3.Identifier, { kind: K }> {
  return identifier.kind === kind
}

/** Wallets reject with anything: objects, strings, errors of many classes. */
async function asked<T>(question: () => T | Promise<T>): Promise<T> {
  try {
    return await question()
  } catch (cause) {
    throw new XmtpError('client.signer.refused', 'The wallet did not answer.', { cause })
  }
}

function signedBytes(signature: SignedBytes): Uint8Array {
  const bytes =
    typeof signature === 'string' ? bytesFromHex(signature.replace(/^0x/, '')) : signature
  if (bytes === undefined)
    throw new XmtpError('client.signer.unusable', 'The wallet answered with no hex.')
  return bytes
}

/** @param signature r ‖ s ‖ v, 65 bytes, as any wallet spells it @throws XmtpError `signature.malformed` */
export function walletSignature(signature: Uint8Array): v3.WalletSignature {
  return { kind: 'erc191', bytes: canonicalSignature(signature) }
}

const order = 0xffff_ffff_ffff_ffff_ffff_ffff_ffff_fffe_baae_dce6_af48_a03b_bfd2_5e8c_d036_4141n

/**
 * The one spelling that all clients read alike: low s, and 27 or 28 at the end. Some wallets count from 0, some from
 * 35 on, and a few have a high s, which is the same signature with the other parity.
 */
function canonicalSignature(signature: Uint8Array): Uint8Array {
  const { bytes, recovery } = compactWalletSignature(signature)
  const s = BigInt(`0x${bytesToHex(bytes.subarray(32))}`)
  if (s <= order >> 1n) return concatBytes(bytes, Uint8Array.of(27 + recovery))
  const low = bytesFromHex((order - s).toString(16).padStart(64, '0')) ?? new Uint8Array(32)
  return concatBytes(bytes.subarray(0, 32), low, Uint8Array.of(28 - recovery))
}
