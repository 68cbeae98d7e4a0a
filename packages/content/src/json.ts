import { utf8, XmtpError } from '@xmtp-ts/protocol'
import { decodeText } from './decode-text.ts'

/** An object that came as JSON; its fields are read one by one. */
export type JsonObject = Readonly<Record<string, unknown>>

/** UTF-8, the fields in the order of `value`; those that are undefined are left out. */
export function encodeJson(value: unknown): Uint8Array {
  return utf8(JSON.stringify(value))
}

/** @throws XmtpError `content.undecodable` unless the bytes are one JSON object */
export function decodeJson(bytes: Uint8Array): JsonObject {
  try {
    return asObject(JSON.parse(decodeText(bytes)), 'The content')
  } catch (cause) {
    if (cause instanceof XmtpError) throw cause
    throw new XmtpError('content.undecodable', 'The content is no JSON.', { cause })
  }
}

function asObject(value: unknown, what: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw undecodable(`${what} is no object.`)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- whatever its fields are, they are unknown
  return value as JsonObject
}

/** Reads a field that may be missing, or null. @throws XmtpError `content.undecodable` for one of another type */
export function optional<T>(
  object: JsonObject,
  name: string,
  read: (object: JsonObject, name: string) => T,
): T | undefined {
  const value = field(object, name)
  return value === undefined || value === null ? undefined : read(object, name)
}

/** @throws XmtpError `content.undecodable` */
export function text(object: JsonObject, name: string): string {
  const value = field(object, name)
  if (typeof value !== 'string') throw undecodable(`${name} is no text.`)
  return value
}

/** @throws XmtpError `content.undecodable` */
export function number(object: JsonObject, name: string): number {
  const value = field(object, name)
  if (typeof value !== 'number') throw undecodable(`${name} is no number.`)
  return value
}

/** @throws XmtpError `content.undecodable` */
export function nested(object: JsonObject, name: string): JsonObject {
  return asObject(field(object, name), name)
}

/** @throws XmtpError `content.undecodable` */
export function list(object: JsonObject, name: string): readonly JsonObject[] {
  const value = field(object, name)
  if (!Array.isArray(value)) throw undecodable(`${name} is no list.`)
  return value.map((item) => asObject(item, `A part of ${name}`))
}

/** An object of texts. @throws XmtpError `content.undecodable` */
export function texts(object: JsonObject, name: string): Readonly<Record<string, string>> {
  const found = nested(object, name)
  return Object.fromEntries(Object.keys(found).map((key) => [key, text(found, key)]))
}

/** Not what objects inherit. */
function field(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined
}

export function undecodable(what: string): XmtpError {
  return new XmtpError('content.undecodable', what)
}
