import { chacha20Poly1305Suite } from '@xmtp-ts/mls'
import {
  WelcomePointeeEncryptionAeadType as AeadType,
  WelcomePointer as WirePointer,
} from '@xmtp-ts/proto/mls/message_contents/welcome_pointer'
import {
  WelcomePointerWrapperAlgorithm as PointerAlgorithm,
  WelcomeWrapperAlgorithm as Algorithm,
} from '@xmtp-ts/proto/mls/message_contents/wrapper_encryption'
import { equalBytes, type Random } from '../../bytes.ts'
import { XmtpError } from '../../errors.ts'
import { decodeWire } from '../../wire.ts'
import type { WelcomeRecipient } from './key-package.ts'
import { openSealed, sealTo } from './welcome-seal.ts'
import {
  encodeWelcomeMetadata,
  keyFor,
  readMessageCursor,
  welcomeAlgorithms,
  type OpenedWelcome,
  type SealedWelcome,
  type WelcomeKeyLookup,
} from './welcome.ts'

/** Where a welcome for many lies, and how to open it (v3-mls §4.2). Secret. */
export type WelcomePointer = {
  /** 32 random bytes in place of an installation key: the topic */
  readonly destination: Uint8Array
  /** ChaCha20-Poly1305, 32 bytes */
  readonly encryptionKey: Uint8Array
  /** 12 bytes */
  readonly dataNonce: Uint8Array
  /** 12 bytes, others */
  readonly welcomeMetadataNonce: Uint8Array
}

/** A pointer sealed to one installation, in the words of the API. */
export type SealedPointer = {
  readonly welcomePointer: Uint8Array
  readonly hpkePublicKey: Uint8Array
  readonly wrapperAlgorithm: PointerAlgorithm
}

/** A sealed pointer as it comes back. The number of its algorithm may be any. */
export type ReceivedPointer = Omit<SealedPointer, 'wrapperAlgorithm'> & {
  readonly wrapperAlgorithm: number
}

export type SealPointedOptions = {
  /** An MLSMessage with a Welcome. */
  readonly welcome: Uint8Array
  readonly metadata: { readonly messageCursor: bigint }
  readonly random: Random
}

const { aead } = chacha20Poly1305Suite.hpke
const noBytes = new Uint8Array()
const xWing: number = PointerAlgorithm.WELCOME_POINTER_WRAPPER_ALGORITHM_XWING_MLKEM_768_DRAFT_6

/** Seals a welcome once for everybody who gets the pointer. */
export function sealPointed(options: SealPointedOptions): {
  readonly pointer: WelcomePointer
  readonly sealed: SealedWelcome
} {
  const { welcome, metadata, random } = options
  const pointer = drawPointer(random)
  const { encryptionKey, dataNonce, welcomeMetadataNonce } = pointer
  const sealedMetadata = encodeWelcomeMetadata(metadata.messageCursor)
  return {
    pointer,
    sealed: {
      data: aead.seal(encryptionKey, dataNonce, noBytes, welcome),
      welcomeMetadata: aead.seal(encryptionKey, welcomeMetadataNonce, noBytes, sealedMetadata),
      hpkePublicKey: noBytes,
      wrapperAlgorithm: Algorithm.WELCOME_WRAPPER_ALGORITHM_SYMMETRIC_KEY,
    },
  }
}

function drawPointer(random: Random): WelcomePointer {
  const destination = random(32)
  const encryptionKey = random(32)
  const dataNonce = random(12)
  let welcomeMetadataNonce = random(12)
  // One nonce for two messages under one key would give both away.
  while (equalBytes(dataNonce, welcomeMetadataNonce)) welcomeMetadataNonce = random(12)
  return { destination, encryptionKey, dataNonce, welcomeMetadataNonce }
}

/** Seals the pointer to one installation. @throws XmtpError `v3.keyPackage.invalid` */
export async function sealPointer(
  pointer: WelcomePointer,
  recipient: WelcomeRecipient,
  random: Random,
): Promise<SealedPointer> {
  const aeadType = AeadType.WELCOME_POINTEE_ENCRYPTION_AEAD_TYPE_CHACHA20_POLY1305
  const plaintext = WirePointer.encode({
    version: { $case: 'welcomeV1Pointer', value: { ...pointer, aeadType } },
  }).finish()
  const { data } = await sealTo(recipient, plaintext, random)
  return {
    welcomePointer: data,
    hpkePublicKey: recipient.publicKey,
    wrapperAlgorithm: pointerAlgorithm(recipient),
  }
}

/** The field's enum has no number for X25519; libxmtp writes that of the enum for welcomes (v3-mls §4.2). */
function pointerAlgorithm({ algorithm }: WelcomeRecipient): PointerAlgorithm {
  if (algorithm === 'xWing')
    return PointerAlgorithm.WELCOME_POINTER_WRAPPER_ALGORITHM_XWING_MLKEM_768_DRAFT_6
  const number: number = welcomeAlgorithms.x25519
  // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- an open enum: the number is on the wire
  return number
}

/**
 * Opens a pointer from the topic of this installation. Any algorithm but X-Wing is read as X25519.
 *
 * @throws XmtpError `v3.welcome.notForUs`, `v3.welcome.malformed`, `v3.welcome.undecryptable`
 */
export async function openPointer(
  input: ReceivedPointer,
  lookup: WelcomeKeyLookup,
): Promise<WelcomePointer> {
  const isXWing = input.wrapperAlgorithm === xWing
  const key = keyFor(input.hpkePublicKey, isXWing ? 'xWing' : 'x25519', lookup)
  const { plaintext } = await openSealed(input.welcomePointer, key)
  const { version } = decodeWire(WirePointer, plaintext, 'v3.welcome.malformed')
  const { destination, aeadType, encryptionKey, dataNonce, welcomeMetadataNonce } =
    version?.value ?? {}
  const isReadable =
    aeadType === AeadType.WELCOME_POINTEE_ENCRYPTION_AEAD_TYPE_CHACHA20_POLY1305 &&
    encryptionKey?.length === aead.keyLength &&
    dataNonce?.length === aead.nonceLength &&
    welcomeMetadataNonce?.length === aead.nonceLength
  if (!isReadable || destination === undefined)
    throw new XmtpError('v3.welcome.malformed', 'Its pointer is of no known form.')
  return { destination, encryptionKey, dataNonce, welcomeMetadataNonce }
}

/**
 * Opens the welcome that a pointer points to: the first one in the topic of its destination.
 *
 * @throws XmtpError `v3.welcome.malformed`, `v3.welcome.undecryptable`
 */
export function openPointed(
  input: Pick<SealedWelcome, 'data' | 'welcomeMetadata'>,
  pointer: WelcomePointer,
): OpenedWelcome {
  const { encryptionKey, dataNonce, welcomeMetadataNonce } = pointer
  const welcome = aead.open(encryptionKey, dataNonce, noBytes, input.data)
  const metadata =
    input.welcomeMetadata.length === 0
      ? noBytes
      : aead.open(encryptionKey, welcomeMetadataNonce, noBytes, input.welcomeMetadata)
  if (welcome === undefined || metadata === undefined)
    throw new XmtpError('v3.welcome.undecryptable', 'What the pointer points to does not open.')
  return { welcome, messageCursor: readMessageCursor(metadata) }
}
