import {
  chacha20Poly1305Suite,
  decode,
  encode,
  MlsError,
  opaque,
  openNext,
  sealNext,
  setupReceiver,
  setupSender,
  struct,
  xWing,
  xWingLibxmtpId,
  type HpkeCiphertext,
  type HpkeContext,
  type HpkeSuite,
} from '@xmtp-ts/mls'
import { concatBytes, utf8, type Random } from '../../bytes.ts'
import { XmtpError } from '../../errors.ts'
import type { WelcomeAlgorithm, WelcomeRecipient } from './key-package.ts'

const { hpke } = chacha20Poly1305Suite

/** X-Wing with the KEM number that libxmtp uses: the registered one gives other keys (v3-mls §4.1). */
const suites = {
  x25519: hpke,
  xWing: { ...hpke, kem: xWing(hpke.kdf, xWingLibxmtpId) },
} as const satisfies Record<WelcomeAlgorithm, HpkeSuite>

const noBytes = new Uint8Array()

const info = concatBytes(encode(opaque, utf8('MLS 1.0 MLS_WELCOME')), encode(opaque, noBytes))

const sealedCodec = struct<HpkeCiphertext>({ kemOutput: opaque, ciphertext: opaque })

/** The private half of what a welcome was sealed to. */
export type WelcomeKey = {
  readonly algorithm: WelcomeAlgorithm
  /** The X25519 private key of the init key, or the X-Wing seed; 32 bytes each. */
  readonly privateKey: Uint8Array
}

/** One message in an HPKE session of its own, and the session for the next. @throws XmtpError `v3.keyPackage.invalid` */
export async function sealTo(
  recipient: WelcomeRecipient,
  plaintext: Uint8Array,
  random: Random,
): Promise<{ readonly data: Uint8Array; readonly context: HpkeContext }> {
  const { publicKey, algorithm } = recipient
  try {
    const { kemOutput, context } = await setupSender(suites[algorithm], publicKey, info, random)
    const ciphertext = sealNext(context, noBytes, plaintext)
    return { data: encode(sealedCodec, { kemOutput, ciphertext }), context }
  } catch (cause) {
    if (!(cause instanceof MlsError)) throw cause
    throw new XmtpError('v3.keyPackage.invalid', 'Nothing can be sealed to its key.', { cause })
  }
}

/** Opens what `sealTo` made. @throws XmtpError `v3.welcome.malformed`, `v3.welcome.undecryptable` */
export async function openSealed(
  data: Uint8Array,
  key: WelcomeKey & { readonly publicKey: Uint8Array },
): Promise<{ readonly plaintext: Uint8Array; readonly context: HpkeContext }> {
  const { kemOutput, ciphertext } = decodeSealed(data)
  const { algorithm, privateKey, publicKey } = key
  try {
    const keys = { privateKey, publicKey }
    const context = await setupReceiver(suites[algorithm], kemOutput, keys, info)
    return { plaintext: openNext(context, noBytes, ciphertext), context }
  } catch (cause) {
    throw undecryptable(cause)
  }
}

/** The next message of a session. @throws XmtpError `v3.welcome.undecryptable` */
export function openFollowing(context: HpkeContext, ciphertext: Uint8Array): Uint8Array {
  try {
    return openNext(context, noBytes, ciphertext)
  } catch (cause) {
    throw undecryptable(cause)
  }
}

/** The next message of a session. */
export function sealFollowing(context: HpkeContext, plaintext: Uint8Array): Uint8Array {
  return sealNext(context, noBytes, plaintext)
}

function decodeSealed(data: Uint8Array): HpkeCiphertext {
  try {
    return decode(sealedCodec, data)
  } catch (cause) {
    if (!(cause instanceof MlsError)) throw cause
    throw new XmtpError('v3.welcome.malformed', `${data.length} bytes are no sealed welcome.`, {
      cause,
    })
  }
}

function undecryptable(cause: unknown): unknown {
  if (!(cause instanceof MlsError)) return cause
  return new XmtpError('v3.welcome.undecryptable', 'The welcome does not open.', { cause })
}
