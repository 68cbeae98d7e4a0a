import { EncodedContent as WireContent } from '@xmtp-ts/proto/message_contents/content'
import {
  aes256GcmOpen,
  aes256GcmSeal,
  bytesToHex,
  hkdfSha256,
  sha256,
  XmtpError,
  type Random,
} from '@xmtp-ts/protocol'
import { attachmentCodec, attachmentType, type Attachment } from './attachment.ts'
import { parseContent } from './content.ts'
import { sameContentType } from './content-type.ts'
import { undecodable } from './json.ts'
import { toWire } from './nested.ts'
import { createCodecRegistry } from './registry.ts'
import type { RemoteAttachment } from './remote-attachment.ts'

/** What to upload, and all of a remote attachment but where it then is. */
export type EncryptedAttachment = Omit<RemoteAttachment, 'url' | 'scheme' | 'contentLength'> & {
  /** The encrypted bytes. */
  readonly payload: Uint8Array
  readonly contentLength: number
}

const secretBytes = 32
const saltBytes = 32
const nonceBytes = 12
const codecs = createCodecRegistry([attachmentCodec])

/**
 * Encrypts a file for a place that anyone can read: the encoded attachment under AES-256-GCM, with a key of its own that
 * HKDF-SHA256 makes of the secret and the salt.
 */
export function encryptAttachment(attachment: Attachment, random: Random): EncryptedAttachment {
  const [secret, salt, nonce] = [random(secretBytes), random(saltBytes), random(nonceBytes)]
  const fallback = attachmentCodec.fallback(attachment)
  const encoded = { ...attachmentCodec.encode(attachment, codecs), fallback }
  const payload = aes256GcmSeal(WireContent.encode(toWire(encoded)).finish(), {
    ...keyOf({ secret, salt, nonce }),
  })
  return {
    payload,
    contentDigest: bytesToHex(sha256(payload)),
    secret,
    salt,
    nonce,
    contentLength: payload.length,
    filename: attachment.filename,
  }
}

/**
 * Opens the bytes that were found at the URL of a remote attachment.
 * @throws XmtpError `content.badDigest` when they are others than the sender meant, `content.undecodable` when they do not
 * open or hold no attachment
 */
export function decryptAttachment(
  payload: Uint8Array,
  remote: Pick<RemoteAttachment, 'contentDigest' | 'secret' | 'salt' | 'nonce'>,
): Attachment {
  if (bytesToHex(sha256(payload)) !== remote.contentDigest.toLowerCase())
    throw new XmtpError('content.badDigest', `${payload.length} bytes have another digest.`)
  if (remote.salt.length !== saltBytes || remote.nonce.length !== nonceBytes)
    throw undecodable('The salt or the nonce of an attachment has another length.')
  const encoded = parseContent(opened(payload, remote))
  if (!sameContentType(encoded.type, attachmentType) || encoded.compression !== undefined)
    throw undecodable('What is encrypted is no attachment.')
  return attachmentCodec.decode(encoded, codecs)
}

function opened(payload: Uint8Array, remote: Parameters<typeof keyOf>[0]): Uint8Array {
  try {
    return aes256GcmOpen(payload, keyOf(remote))
  } catch (cause) {
    if (!(cause instanceof XmtpError)) throw cause
    throw new XmtpError('content.undecodable', 'An attachment does not open.', { cause })
  }
}

function keyOf({ secret, salt, nonce }: Pick<RemoteAttachment, 'secret' | 'salt' | 'nonce'>) {
  const key = hkdfSha256(secret, { salt, info: new Uint8Array() })
  return { key, nonce, aad: new Uint8Array() }
}
