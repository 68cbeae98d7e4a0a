import { bytesFromHex, bytesToHex, utf8 } from '@xmtp-ts/protocol'
import type { ContentCodec } from './codec.ts'
import type { ContentTypeId } from './content-type.ts'
import { decodeText } from './decode-text.ts'
import { undecodable } from './json.ts'

/** Where an encrypted file is, and what opens it: see `decryptAttachment`. */
export type RemoteAttachment = {
  readonly url: string
  /** SHA-256 of the encrypted bytes, hex. */
  readonly contentDigest: string
  /** 32 bytes */
  readonly secret: Uint8Array
  /** 32 bytes */
  readonly salt: Uint8Array
  /** 12 bytes */
  readonly nonce: Uint8Array
  /** `https://` */
  readonly scheme: string
  /** Bytes, encrypted. */
  readonly contentLength?: number | undefined
  readonly filename?: string | undefined
}

/** A file that is kept elsewhere, encrypted. */
export const remoteAttachmentType: ContentTypeId = {
  authorityId: 'xmtp.org',
  typeId: 'remoteStaticAttachment',
  versionMajor: 1,
  versionMinor: 0,
}

/**
 * v3-mls §6.3. Only `https` is written. What comes may name any URL, also one inside the reader's own network: the app
 * decides what it fetches.
 */
export const remoteAttachmentCodec: ContentCodec<RemoteAttachment> = {
  contentType: remoteAttachmentType,
  encode(attachment) {
    const { url, contentDigest, secret, salt, nonce, scheme, contentLength, filename } = attachment
    requireHttps(url)
    return {
      type: remoteAttachmentType,
      parameters: {
        contentDigest,
        salt: bytesToHex(salt),
        nonce: bytesToHex(nonce),
        secret: bytesToHex(secret),
        scheme,
        ...(contentLength === undefined ? {} : { contentLength: String(contentLength) }),
        ...(filename === undefined ? {} : { filename }),
      },
      content: utf8(url),
    }
  },
  decode({ parameters, content }) {
    const bytes = (name: string) => {
      const read = bytesFromHex(parameters[name] ?? '')
      if (read === undefined) throw undecodable(`The ${name} of an attachment is not hex.`)
      return read
    }
    const { contentDigest = '', scheme = '', contentLength, filename } = parameters
    return {
      url: decodeText(content),
      contentDigest,
      secret: bytes('secret'),
      salt: bytes('salt'),
      nonce: bytes('nonce'),
      scheme,
      // Clients of V2 wrote `undefined` and `NaN` here.
      contentLength: /^\d{1,15}$/.test(contentLength ?? '') ? Number(contentLength) : undefined,
      filename,
    }
  },
  fallback: ({ filename = 'this content' }) =>
    `Can't display ${filename}. This app doesn't support remote attachments.`,
  shouldPush: () => true,
}

/** @throws RangeError */
export function requireHttps(url: string): void {
  if (!url.startsWith('https://')) throw new RangeError('A remote attachment is at an https URL.')
}
