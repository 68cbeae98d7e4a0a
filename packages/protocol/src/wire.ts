import { XmtpError, type ErrorCode } from './errors.ts'

/** A generated message codec. */
export type WireCodec<T> = {
  decode(bytes: Uint8Array): T
}

/** Decodes protobuf from outside. @throws XmtpError `code` for bytes that are no such message. */
export function decodeWire<T>(codec: WireCodec<T>, bytes: Uint8Array, code: ErrorCode): T {
  try {
    return codec.decode(bytes)
  } catch (cause) {
    throw new XmtpError(code, `${bytes.length} bytes do not decode.`, { cause })
  }
}
