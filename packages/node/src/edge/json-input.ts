import { XmtpError } from '@xmtp-ts/protocol'

/** A JSON object from a client, fields by name. */
export type JsonObject = Readonly<Record<string, unknown>>

/**
 * Parses a request body: any JSON object, or nothing at all for an empty message. Integers too long for a double
 * become strings, so that no digit of a uint64 is lost.
 * @throws XmtpError `node.request.malformed`
 */
export function parseJson(body: Buffer): JsonObject {
  const text = body.toString('utf8').trim()
  if (text === '') return {}
  let value: unknown
  try {
    value = JSON.parse(quoteLongIntegers(text))
  } catch (cause) {
    throw malformed(cause instanceof Error ? cause.message : 'no JSON', cause)
  }
  return asObject(value, 'the request')
}

/** A double holds every integer of up to 15 digits. */
const longInteger = /[:,[\s]-?\d{16,}/

/** Puts quotes around integers of more than 15 digits that stand outside strings. */
function quoteLongIntegers(text: string): string {
  // Ordinary clients send such numbers as strings; then there is nothing to do.
  if (!longInteger.test(text)) return text
  const parts: string[] = []
  let copied = 0
  let at = 0
  while (at < text.length) {
    if (text[at] === '"') {
      at = endOfString(text, at)
      continue
    }
    const number = /-?\d[\d.eE+-]*/y
    number.lastIndex = at
    const found = number.exec(text)?.[0]
    if (found === undefined) {
      at += 1
      continue
    }
    if (/^-?\d{16,}$/.test(found)) {
      parts.push(text.slice(copied, at), '"', found, '"')
      copied = at + found.length
    }
    at += found.length
  }
  parts.push(text.slice(copied))
  return parts.join('')
}

function endOfString(text: string, start: number): number {
  let at = start + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}

/** @throws XmtpError `node.request.malformed` */
export function asObject(value: unknown, name: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(`${name} is not an object`)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an object that is no array has string keys
  return value as JsonObject
}

/** A field under its JSON or its protobuf name; null counts as missing (proto3 JSON). */
export function field(object: JsonObject, name: string): unknown {
  const snake = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  const value = Object.hasOwn(object, name) ? object[name] : undefined
  const other = Object.hasOwn(object, snake) ? object[snake] : undefined
  return value ?? other ?? undefined
}

/** @throws XmtpError `node.request.malformed` */
export function stringField(object: JsonObject, name: string): string {
  const value = field(object, name) ?? ''
  if (typeof value !== 'string') throw malformed(`${name} is not a string`)
  return value
}

/** @throws XmtpError `node.request.malformed` */
export function booleanField(object: JsonObject, name: string): boolean {
  const value = field(object, name) ?? false
  if (typeof value !== 'boolean') throw malformed(`${name} is not a boolean`)
  return value
}

/** @throws XmtpError `node.request.malformed` */
export function listField<T>(
  object: JsonObject,
  name: string,
  element: (value: unknown) => T,
): T[] {
  const value = field(object, name) ?? []
  if (!Array.isArray(value)) throw malformed(`${name} is not a list`)
  return value.map((item: unknown) => element(item))
}

/** Standard or URL-safe base64, padded or not. @throws XmtpError `node.request.malformed` */
export function bytesField(object: JsonObject, name: string): Uint8Array {
  const text = stringField(object, name)
  const digits = text.replace(/={1,2}$/, '')
  if (!/^[A-Za-z0-9+/_-]*$/.test(digits) || digits.length % 4 === 1)
    throw malformed(`${name} is not base64`)
  return Buffer.from(digits, 'base64')
}

const maxUint64 = 2n ** 64n - 1n
const maxUint32 = 2n ** 32n - 1n

/** A decimal string or an integer. @throws XmtpError `node.request.malformed` */
export function uint64Field(object: JsonObject, name: string): bigint {
  return unsigned(field(object, name) ?? 0, { name, max: maxUint64 })
}

/** @throws XmtpError `node.request.malformed` */
export function uint32Field(object: JsonObject, name: string): number {
  return Number(unsigned(field(object, name) ?? 0, { name, max: maxUint32 }))
}

function unsigned(value: unknown, { name, max }: { name: string; max: bigint }): bigint {
  const isExact =
    typeof value === 'number'
      ? Number.isSafeInteger(value)
      : typeof value === 'string' && /^\d{1,20}$/.test(value)
  const parsed =
    isExact && (typeof value === 'number' || typeof value === 'string') ? BigInt(value) : -1n
  if (parsed < 0n || parsed > max) throw malformed(`${name} is not an unsigned integer`)
  return parsed
}

export function malformed(reason: string, cause?: unknown): XmtpError {
  return new XmtpError('node.request.malformed', `The request does not parse: ${reason}.`, {
    cause,
  })
}
