import { WelcomeMetadata } from '@xmtp-ts/proto/mls/api/v1/mls'
import { WelcomeWrapperAlgorithm as Algorithm } from '@xmtp-ts/proto/mls/message_contents/wrapper_encryption'
import type { Random } from '../../bytes.ts'
import { XmtpError } from '../../errors.ts'
import { decodeWire } from '../../wire.ts'
import type { WelcomeAlgorithm, WelcomeRecipient } from './key-package.ts'
import {
  openFollowing,
  openSealed,
  sealFollowing,
  sealTo,
  type WelcomeKey,
} from './welcome-seal.ts'

/** A welcome and where reading starts. */
export type OpenedWelcome = {
  /** An MLSMessage with a Welcome, for `joinGroup`. */
  readonly welcome: Uint8Array
  /** The id of the commit that added us: everything up to it is over. 0: not known. */
  readonly messageCursor: bigint
}

export type SealWelcomeOptions = {
  /** An MLSMessage with a Welcome. */
  readonly welcome: Uint8Array
  readonly metadata: { readonly messageCursor: bigint }
  readonly recipient: WelcomeRecipient
  readonly random: Random
}

/** A sealed welcome, in the words of the API. */
export type SealedWelcome = {
  readonly data: Uint8Array
  readonly welcomeMetadata: Uint8Array
  readonly hpkePublicKey: Uint8Array
  readonly wrapperAlgorithm: Algorithm
}

/** A sealed welcome as it comes back. The number of its algorithm may be any. */
export type ReceivedWelcome = Omit<SealedWelcome, 'wrapperAlgorithm'> & {
  readonly wrapperAlgorithm: number
}

/** Finds the private half of a key that welcomes may be sealed to, by its public bytes (32 or 1216). */
export type WelcomeKeyLookup = (publicKey: Uint8Array) => WelcomeKey | undefined

export const welcomeAlgorithms = {
  x25519: Algorithm.WELCOME_WRAPPER_ALGORITHM_CURVE25519,
  xWing: Algorithm.WELCOME_WRAPPER_ALGORITHM_XWING_MLKEM_768_DRAFT_6,
} as const satisfies Record<WelcomeAlgorithm, Algorithm>

const symmetric: number = Algorithm.WELCOME_WRAPPER_ALGORITHM_SYMMETRIC_KEY
const xWing: number = welcomeAlgorithms.xWing

/** What stands beside every welcome, before it is sealed. */
export function encodeWelcomeMetadata(messageCursor: bigint): Uint8Array {
  return WelcomeMetadata.encode({ messageCursor }).finish()
}

/** An older sender leaves it out. @throws XmtpError `v3.welcome.malformed` */
export function readMessageCursor(metadata: Uint8Array): bigint {
  return decodeWire(WelcomeMetadata, metadata, 'v3.welcome.malformed').messageCursor
}

/**
 * Seals a welcome to one installation: two messages of one HPKE session (v3-mls §4.1).
 *
 * @throws XmtpError `v3.keyPackage.invalid` when the recipient's key is none
 */
export async function sealWelcome(options: SealWelcomeOptions): Promise<SealedWelcome> {
  const { welcome, metadata, recipient, random } = options
  const { data, context } = await sealTo(recipient, welcome, random)
  return {
    data,
    welcomeMetadata: sealFollowing(context, encodeWelcomeMetadata(metadata.messageCursor)),
    hpkePublicKey: recipient.publicKey,
    wrapperAlgorithm: welcomeAlgorithms[recipient.algorithm],
  }
}

/**
 * Opens a welcome from the topic of this installation. A number of an algorithm that nobody knows is read as X25519, as
 * other clients do.
 *
 * @throws XmtpError `v3.welcome.notForUs` when no key is known, `v3.welcome.malformed`, `v3.welcome.undecryptable`
 */
export async function openWelcome(
  input: ReceivedWelcome,
  lookup: WelcomeKeyLookup,
): Promise<OpenedWelcome> {
  if (input.wrapperAlgorithm === symmetric)
    throw new XmtpError('v3.welcome.malformed', 'It is the target of a pointer.')
  const isXWing = input.wrapperAlgorithm === xWing
  const key = keyFor(input.hpkePublicKey, isXWing ? 'xWing' : 'x25519', lookup)
  const { plaintext, context } = await openSealed(input.data, key)
  const hasMetadata = input.welcomeMetadata.length > 0
  return {
    welcome: plaintext,
    messageCursor: hasMetadata
      ? readMessageCursor(openFollowing(context, input.welcomeMetadata))
      : 0n,
  }
}

/** @throws XmtpError `v3.welcome.notForUs` */
export function keyFor(
  publicKey: Uint8Array,
  algorithm: WelcomeAlgorithm,
  lookup: WelcomeKeyLookup,
): WelcomeKey & { readonly publicKey: Uint8Array } {
  const key = lookup(publicKey)
  if (key === undefined || key.algorithm !== algorithm)
    throw new XmtpError(
      'v3.welcome.notForUs',
      `It is sealed to a key of ${publicKey.length} bytes.`,
    )
  return { ...key, publicKey }
}
