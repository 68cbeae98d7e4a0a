import { ascii, concat, empty } from '../bytes.ts'
import type { Aead } from '../crypto/platform.ts'
import { MlsError } from '../errors.ts'
import type { Kdf } from './kdf.ts'
import type { HpkeKeyPair, Kem, Random } from './kem.ts'
import { labeledExpand, labeledExtract } from './kem.ts'

/** The three algorithms of HPKE, any combination. */
export type HpkeSuite = {
  readonly kem: Kem
  readonly kdf: Kdf
  readonly aead: Aead
  /** The AEAD's number in the suite id (RFC 9180 §7.3). */
  readonly aeadId: number
}

/** One sealed message with the KEM output that opens it (RFC 9420 §7.6). */
export type HpkeCiphertext = { readonly kemOutput: Uint8Array; readonly ciphertext: Uint8Array }

/**
 * The part of the key schedule that depends on `info` alone. Whoever encrypts to a thousand recipients under one info
 * works it out once.
 */
export type HpkeInfo = {
  readonly suite: HpkeSuite
  readonly suiteId: Uint8Array
  readonly keyScheduleContext: Uint8Array
}

/** One direction of an HPKE session: messages are sealed and opened in order (RFC 9180 §5.2). */
export type HpkeContext = {
  readonly info: HpkeInfo
  readonly secret: Uint8Array
  readonly key: Uint8Array
  readonly baseNonce: Uint8Array
  sequence: number
}

/** The first half of KeySchedule in base mode (RFC 9180 §5.1). */
export function prepareInfo(suite: HpkeSuite, info: Uint8Array): HpkeInfo {
  const { kem, kdf, aeadId } = suite
  const suiteId = concat(
    ascii('HPKE'),
    Uint8Array.of(kem.id >> 8, kem.id, kdf.id >> 8, kdf.id, aeadId >> 8, aeadId),
  )
  const modeBase = Uint8Array.of(0)
  const keyScheduleContext = concat(
    modeBase,
    labeledExtract(kdf, suiteId, empty, 'psk_id_hash', empty),
    labeledExtract(kdf, suiteId, empty, 'info_hash', info),
  )
  return { suite, suiteId, keyScheduleContext }
}

/** The second half of KeySchedule (RFC 9180 §5.1). */
function contextFrom(info: HpkeInfo, sharedSecret: Uint8Array): HpkeContext {
  const { suite, suiteId, keyScheduleContext } = info
  const { kdf, aead } = suite
  const secret = labeledExtract(kdf, suiteId, sharedSecret, 'secret', empty)
  const expand = (label: string, length: number) =>
    labeledExpand(kdf, suiteId, secret, label, keyScheduleContext, length)
  return {
    info,
    secret,
    key: expand('key', aead.keyLength),
    baseNonce: expand('base_nonce', aead.nonceLength),
    sequence: 0,
  }
}

/**
 * SetupBaseS (RFC 9180 §5.1.1).
 *
 * @throws MlsError `crypto.badKey`
 */
export function setupSender(
  suite: HpkeSuite,
  publicKey: Uint8Array,
  info: Uint8Array,
  random: Random,
): Promise<{ readonly kemOutput: Uint8Array; readonly context: HpkeContext }> {
  return setupSenderWith(prepareInfo(suite, info), publicKey, random)
}

/**
 * SetupBaseS with an info that was prepared before.
 *
 * @throws MlsError `crypto.badKey`
 */
export async function setupSenderWith(
  info: HpkeInfo,
  publicKey: Uint8Array,
  random: Random,
): Promise<{ readonly kemOutput: Uint8Array; readonly context: HpkeContext }> {
  const { sharedSecret, kemOutput } = await info.suite.kem.encapsulate(publicKey, random)
  return { kemOutput, context: contextFrom(info, sharedSecret) }
}

/**
 * SetupBaseR (RFC 9180 §5.1.1).
 *
 * @throws MlsError `crypto.badKey`
 */
export async function setupReceiver(
  suite: HpkeSuite,
  kemOutput: Uint8Array,
  keys: HpkeKeyPair,
  info: Uint8Array,
): Promise<HpkeContext> {
  const sharedSecret = await suite.kem.decapsulate(kemOutput, keys)
  return contextFrom(prepareInfo(suite, info), sharedSecret)
}

function nextNonce(context: HpkeContext): Uint8Array {
  const nonce = context.baseNonce.slice()
  let sequence = context.sequence
  for (let i = nonce.length - 1; sequence > 0; i--) {
    nonce[i] = (nonce[i] ?? 0) ^ (sequence & 0xff)
    sequence = Math.floor(sequence / 256)
  }
  return nonce
}

/** Seals the next message of the session. */
export function sealNext(context: HpkeContext, aad: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const sealed = context.info.suite.aead.seal(context.key, nextNonce(context), aad, plaintext)
  context.sequence++
  return sealed
}

/**
 * Opens the next message of the session; a message that fails does not use up its place.
 *
 * @throws MlsError `hpke.openFailed`
 */
export function openNext(
  context: HpkeContext,
  aad: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array {
  const opened = context.info.suite.aead.open(context.key, nextNonce(context), aad, ciphertext)
  if (opened === undefined)
    throw new MlsError('hpke.openFailed', `Message ${context.sequence} does not open.`)
  context.sequence++
  return opened
}

/** Context.Export (RFC 9180 §5.3). */
export function exportSecret(
  context: HpkeContext,
  exporterContext: Uint8Array,
  length: number,
): Uint8Array {
  const { suite, suiteId, keyScheduleContext } = context.info
  const { kdf } = suite
  const exporterSecret = labeledExpand(
    kdf,
    suiteId,
    context.secret,
    'exp',
    keyScheduleContext,
    kdf.hashLength,
  )
  return labeledExpand(kdf, suiteId, exporterSecret, 'sec', exporterContext, length)
}
