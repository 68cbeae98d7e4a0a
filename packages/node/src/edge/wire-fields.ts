import { malformed } from './json-input.ts'

/** One field of an encoded message. */
export type WireField = {
  readonly number: number
  /** A varint or fixed-width number as an unsigned integer, or the bytes of everything else. */
  readonly value: bigint | Uint8Array
}

/** The fields of an encoded message, in their order. @throws XmtpError `node.request.malformed` */
export function* wireFields(message: Uint8Array): Generator<WireField, void, undefined> {
  const view = Buffer.from(message.buffer, message.byteOffset, message.byteLength)
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = view[at]
      if (byte === undefined) throw malformed('a message is cut')
      at += 1
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw malformed('a number is too long')
  }
  const bytes = (length: number): Buffer => {
    if (at + length > view.length) throw malformed('a message is cut')
    at += length
    return view.subarray(at - length, at)
  }
  while (at < view.length) {
    const tag = Number(varint())
    const number = tag >>> 3
    const type = tag & 7
    if (type === wireType.varint) yield { number, value: varint() }
    else if (type === wireType.bytes) yield { number, value: bytes(Number(varint())) }
    else if (type === wireType.fixed64) yield { number, value: bytes(8).readBigUInt64LE() }
    else if (type === wireType.fixed32) yield { number, value: BigInt(bytes(4).readUInt32LE()) }
    else throw malformed(`wire type ${type} is not used`)
  }
}

const wireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const

/** A field as it is encoded: numbers as varints, everything else behind its length. */
export function encodeField({ number, value }: WireField): Buffer {
  if (typeof value === 'bigint')
    return Buffer.concat([encodeVarint(BigInt(number << 3)), encodeVarint(value)])
  const tag = BigInt((number << 3) | wireType.bytes)
  return Buffer.concat([encodeVarint(tag), encodeVarint(BigInt(value.length)), value])
}

function encodeVarint(value: bigint): Buffer {
  const bytes: number[] = []
  let rest = value
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  bytes.push(Number(rest))
  return Buffer.from(bytes)
}
