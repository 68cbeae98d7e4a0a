import { XmtpError, type ErrorCode } from '../../errors.ts'

/**
 * One protobuf message as a group's members must all read it. Extensions of the group context decide which commits are
 * valid, so this reader accepts exactly what libxmtp's decoder (prost) accepts: a known field of another wire type,
 * text that is no UTF-8, an overlong number and a stray end of group are errors, a repeated message field is merged,
 * and no map key is special. Generated code is more lenient in each of these, and every difference could be used to
 * split a group.
 */
export type WireMessage = {
  /** How deep it is nested; the outermost has 0. */
  readonly depth: number
  readonly code: ErrorCode
  readonly fields: readonly WireField[]
}

type WireField = {
  readonly number: number
  readonly wireType: number
  /** Of wire type 0; else 0. */
  readonly value: bigint
  /** Of wire type 2; else empty. */
  readonly bytes: Uint8Array
}

type Cursor = { readonly bytes: Uint8Array; offset: number; readonly code: ErrorCode }

/** Messages and groups within each other, as prost counts them. */
const maxDepth = 100

/** @throws XmtpError `code` */
export function readMessage(bytes: Uint8Array, code: ErrorCode): WireMessage {
  return { depth: 0, code, fields: readFields(bytes, code, 0) }
}

/** The last value of a number field, as an unsigned 64-bit number; 0 if there is none. @throws XmtpError */
export function uint64Field(message: WireMessage, number: number): bigint {
  return fieldsOf(message, number, 0).at(-1)?.value ?? 0n
}

/** The last value of an enum field, as a signed 32-bit number; 0 if there is none. @throws XmtpError */
export function enumField(message: WireMessage, number: number): number {
  return asEnum(uint64Field(message, number))
}

/** The last value of a text field; '' if there is none. @throws XmtpError */
export function textField(message: WireMessage, number: number): string {
  return textsField(message, number).at(-1) ?? ''
}

/** All values of a repeated text field. @throws XmtpError */
export function textsField(message: WireMessage, number: number): readonly string[] {
  return fieldsOf(message, number, 2).map(({ bytes }) => decodeUtf8(bytes, message.code))
}

/** The last value of a byte field; empty if there is none. @throws XmtpError */
export function bytesField(message: WireMessage, number: number): Uint8Array {
  return bytesListField(message, number).at(-1) ?? new Uint8Array()
}

/** All values of a repeated byte field. @throws XmtpError */
export function bytesListField(message: WireMessage, number: number): readonly Uint8Array[] {
  return fieldsOf(message, number, 2).map(({ bytes }) => bytes.slice())
}

/** A message field, all its occurrences merged; undefined if there is none. @throws XmtpError */
export function messageField(message: WireMessage, number: number): WireMessage | undefined {
  const found = messagesField(message, number)
  return found.length === 0 ? undefined : merged(found)
}

/** All values of a repeated message field. @throws XmtpError */
export function messagesField(message: WireMessage, number: number): readonly WireMessage[] {
  const { code, depth } = message
  const found = fieldsOf(message, number, 2)
  if (found.length > 0 && depth >= maxDepth)
    throw new XmtpError(code, `Messages are nested more than ${maxDepth} deep.`)
  const inner = depth + 1
  return found.map(({ bytes }) => ({
    depth: inner,
    code,
    fields: readFields(bytes, code, inner),
  }))
}

/** A map field with text keys: the last value of a key counts. @throws XmtpError */
export function mapField<T>(
  message: WireMessage,
  number: number,
  value: (entry: WireMessage) => T,
): ReadonlyMap<string, T> {
  const entries = messagesField(message, number)
  return new Map(entries.map((entry) => [textField(entry, 1), value(entry)]))
}

/** The value of a oneof: the last member that is there; a message that comes twice in a row is merged. */
export type OneofValue =
  | { readonly number: number; readonly value: bigint }
  | { readonly number: number; readonly message: WireMessage }

/** @param wireTypes by field number: 0 for a number, 2 for a message. @throws XmtpError */
export function oneofField(
  message: WireMessage,
  wireTypes: ReadonlyMap<number, 0 | 2>,
): OneofValue | undefined {
  let found: OneofValue | undefined
  for (const field of message.fields) {
    const { number } = field
    const wireType = wireTypes.get(number)
    if (wireType === undefined) continue
    const [checked] = fieldsOf({ ...message, fields: [field] }, number, wireType)
    if (checked === undefined) continue
    if (wireType === 0) {
      found = { number, value: checked.value }
      continue
    }
    const [next] = messagesField({ ...message, fields: [field] }, number)
    if (next === undefined) continue
    const before = found?.number === number && 'message' in found ? [found.message] : []
    found = { number, message: merged([...before, next]) }
  }
  return found
}

/** A number of an enum as protobuf reads it: the low 32 bits, signed. */
export function asEnum(value: bigint): number {
  return Number(BigInt.asIntN(32, value))
}

function merged(messages: readonly WireMessage[]): WireMessage {
  const [first] = messages
  if (first === undefined) throw new RangeError('There is nothing to merge.')
  return { ...first, fields: messages.flatMap(({ fields }) => fields) }
}

function fieldsOf(message: WireMessage, number: number, wireType: number): readonly WireField[] {
  const found = message.fields.filter((field) => field.number === number)
  const other = found.find((field) => field.wireType !== wireType)
  if (other !== undefined)
    throw new XmtpError(message.code, `Field ${number} has wire type ${other.wireType}.`)
  return found
}

function readFields(bytes: Uint8Array, code: ErrorCode, depth: number): readonly WireField[] {
  const cursor: Cursor = { bytes, offset: 0, code }
  const fields: WireField[] = []
  while (cursor.offset < bytes.length) fields.push(readField(cursor, depth))
  return fields
}

function readField(cursor: Cursor, depth: number): WireField {
  const { number, wireType } = readTag(cursor)
  if (wireType === 0)
    return { number, wireType, value: readVarint(cursor), bytes: new Uint8Array() }
  const start = cursor.offset
  if (wireType !== 2) {
    skip(cursor, number, wireType, depth)
    return { number, wireType, value: 0n, bytes: cursor.bytes.subarray(start, cursor.offset) }
  }
  return { number, wireType, value: 0n, bytes: take(cursor, readVarint(cursor)) }
}

function readTag(cursor: Cursor): { readonly number: number; readonly wireType: number } {
  const tag = readVarint(cursor)
  if (tag > 0xffff_ffffn) throw new XmtpError(cursor.code, 'A field number is too large.')
  const number = Number(tag >> 3n)
  if (number === 0) throw new XmtpError(cursor.code, 'A field has number 0.')
  return { number, wireType: Number(tag & 7n) }
}

function skip(cursor: Cursor, number: number, wireType: number, depth: number): void {
  if (depth >= maxDepth)
    throw new XmtpError(cursor.code, `Fields are nested more than ${maxDepth} deep.`)
  if (wireType === 0) readVarint(cursor)
  else if (wireType === 1) take(cursor, 8n)
  else if (wireType === 2) take(cursor, readVarint(cursor))
  else if (wireType === 5) take(cursor, 4n)
  else if (wireType === 3)
    for (;;) {
      const inner = readTag(cursor)
      if (inner.wireType !== 4) {
        skip(cursor, inner.number, inner.wireType, depth + 1)
        continue
      }
      if (inner.number !== number)
        throw new XmtpError(cursor.code, `Group ${number} is ended as ${inner.number}.`)
      return
    }
  else throw new XmtpError(cursor.code, `Field ${number} has wire type ${wireType}.`)
}

function take(cursor: Cursor, count: bigint): Uint8Array {
  const left = cursor.bytes.length - cursor.offset
  if (count > BigInt(left))
    throw new XmtpError(cursor.code, `${count} bytes are needed, ${left} are left.`)
  const start = cursor.offset
  cursor.offset += Number(count)
  return cursor.bytes.subarray(start, cursor.offset)
}

function readVarint(cursor: Cursor): bigint {
  let value = 0n
  for (let index = 0n; index < 10n; index += 1n) {
    const byte = cursor.bytes[cursor.offset]
    if (byte === undefined) throw new XmtpError(cursor.code, 'A number is cut off.')
    cursor.offset += 1
    value |= BigInt(byte & 0x7f) << (7n * index)
    // The tenth byte holds one bit.
    if (byte < 0x80 && (index < 9n || byte < 2)) return value
  }
  throw new XmtpError(cursor.code, 'A number does not fit 64 bits.')
}

/** Bytes as text. @throws XmtpError `code` for what is no UTF-8, surrogates and overlong forms included */
function decodeUtf8(bytes: Uint8Array, code: ErrorCode): string {
  const parts: string[] = []
  let offset = 0
  while (offset < bytes.length) {
    const { codePoint, length } = codePointAt(bytes, offset)
    if (codePoint === undefined) throw new XmtpError(code, 'A text is no UTF-8.')
    parts.push(String.fromCodePoint(codePoint))
    offset += length
  }
  return parts.join('')
}

/** The smallest code point that needs each length, so that there is one form for each. */
const smallest = [0, 0, 0x80, 0x800, 0x1_0000]

function codePointAt(
  bytes: Uint8Array,
  offset: number,
): { readonly codePoint: number | undefined; readonly length: number } {
  const first = bytes[offset] ?? 0
  if (first < 0x80) return { codePoint: first, length: 1 }
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
  let codePoint = first & (0x7f >> length)
  const isLead = first >= 0xc0 && first < 0xf8 && offset + length <= bytes.length
  if (!isLead) return { codePoint: undefined, length }
  for (const byte of bytes.subarray(offset + 1, offset + length)) {
    if ((byte & 0xc0) !== 0x80) return { codePoint: undefined, length }
    codePoint = (codePoint << 6) | (byte & 0x3f)
  }
  const isSurrogate = codePoint >= 0xd800 && codePoint <= 0xdfff
  const isScalar = codePoint >= (smallest[length] ?? 0) && codePoint <= 0x10_ffff && !isSurrogate
  return { codePoint: isScalar ? codePoint : undefined, length }
}

/** An object for the generated encoder: own properties only, whatever the key is called. */
export function mapRecord<T>(map: ReadonlyMap<string, T>): Record<string, T> {
  return Object.fromEntries(map)
}
