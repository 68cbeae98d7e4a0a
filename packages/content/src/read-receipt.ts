import type { ContentCodec } from './codec.ts'
import type { ContentTypeId } from './content-type.ts'

/** There is nothing in it: that it came, and when, is all it says. */
export type ReadReceipt = Readonly<Record<string, never>>

/** That everything before has been read. */
export const readReceiptType: ContentTypeId = {
  authorityId: 'xmtp.org',
  typeId: 'readReceipt',
  versionMajor: 1,
  versionMinor: 0,
}

/** v3-mls §6.3. */
export const readReceiptCodec: ContentCodec<ReadReceipt> = {
  contentType: readReceiptType,
  encode: () => ({ type: readReceiptType, parameters: {}, content: new Uint8Array() }),
  decode: () => ({}),
  fallback: () => undefined,
  shouldPush: () => false,
}
