import {
  asObject,
  booleanField,
  bytesField,
  field as valueOf,
  malformed,
  stringField,
  uint32Field,
  uint64Field,
  type JsonObject,
} from './json-input.ts'
import { jsonSchema, type JsonField } from './json-schema.ts'
import type { JsonMapping } from './message-api-json.ts'
import { encodeField, wireFields, type WireField } from './wire-fields.ts'

/** Messages inside messages: identity updates have six. */
const maxDepth = 20

/**
 * Proto3 JSON of a method, from its schemas: any spelling of node-api §2.2 in, unset fields written out.
 * @param names the full names of the messages, e.g. `xmtp.mls.api.v1.QueryGroupMessagesRequest`
 */
export function jsonMapping(names: {
  readonly request: string
  readonly response: string
}): JsonMapping {
  return {
    encodeRequest: (request) => encodeMessage(`.${names.request}`, request, maxDepth),
    decodeResponse: (response) => JSON.stringify(decodeMessage(`.${names.response}`, response)),
  }
}

function fieldsOf(typeName: string): readonly JsonField[] {
  return jsonSchema().messages.get(typeName) ?? []
}

function encodeMessage(typeName: string, object: JsonObject, depth: number): Uint8Array {
  if (depth === 0) throw malformed('the request is nested too deep')
  const encoded: Uint8Array[] = []
  for (const field of fieldsOf(typeName)) {
    const given = valueOf(object, field.name) ?? valueOf(object, field.schemaName)
    if (given === undefined) continue
    if (field.isRepeated && !Array.isArray(given)) throw malformed(`${field.name} is not a list`)
    const values: readonly unknown[] = field.isRepeated && Array.isArray(given) ? given : [given]
    for (const value of values) {
      const wire = { number: field.number, value: readValue(field, value, depth) }
      if (field.isRepeated || field.isOptional || !isZero(wire)) encoded.push(encodeField(wire))
    }
  }
  return Buffer.concat(encoded)
}

/** A zero that need not be written. A message that is there is no zero, even when it is empty. */
function isZero({ value }: WireField): boolean {
  return value === 0n
}

function readValue(field: JsonField, value: unknown, depth: number): WireField['value'] {
  const { name } = field
  const object = { [name]: value }
  switch (field.kind) {
    case 'uint64':
      return uint64Field(object, name)
    case 'uint32':
      return BigInt(uint32Field(object, name))
    case 'bool':
      return booleanField(object, name) ? 1n : 0n
    case 'string':
      return Buffer.from(stringField(object, name))
    case 'bytes':
      return bytesField(object, name)
    case 'enum':
      return readEnum(field, value)
    case 'message':
      return encodeMessage(field.typeName, asObject(value, name), depth - 1)
    default:
      return field.kind satisfies never
  }
}

/** By name or number. Numbers that the enum does not have go through, as in the binary form. */
function readEnum({ name, typeName }: JsonField, value: unknown): bigint {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value)
  for (const [number, valueName] of jsonSchema().enums.get(typeName) ?? [])
    if (valueName === value) return BigInt(number)
  throw malformed(`${name} has no such value`)
}

function decodeMessage(typeName: string, message: Uint8Array): JsonObject {
  const wire = [...wireFields(message)]
  return Object.fromEntries(
    fieldsOf(typeName).flatMap((field): [string, unknown][] => {
      const values = wire.filter(({ number }) => number === field.number).map(({ value }) => value)
      if (field.isRepeated) return [[field.name, values.map((value) => writeValue(field, value))]]
      const last = values.at(-1)
      if (last !== undefined) return [[field.name, writeValue(field, last)]]
      return field.isOptional ? [] : [[field.name, unsetValue(field)]]
    }),
  )
}

const noBytes = new Uint8Array()

function unsetValue(field: JsonField): unknown {
  if (field.kind === 'message') return null
  const isText = field.kind === 'string' || field.kind === 'bytes'
  return writeValue(field, isText ? noBytes : 0n)
}

function writeValue({ kind, typeName }: JsonField, value: WireField['value']): unknown {
  if (typeof value === 'bigint') {
    if (kind === 'uint64') return value.toString()
    if (kind === 'bool') return value !== 0n
    if (kind !== 'enum') return Number(value)
    return jsonSchema().enums.get(typeName)?.get(Number(value)) ?? Number(value)
  }
  if (kind === 'message') return decodeMessage(typeName, value)
  return Buffer.from(value).toString(kind === 'bytes' ? 'base64' : 'utf8')
}
