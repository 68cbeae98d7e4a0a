import { fileDescriptorSetBase64 } from '@xmtp-ts/proto/descriptors'
import { wireFields, type WireField } from './wire-fields.ts'

/** What proto3 JSON must know of a field. Scalars are those that the schemas of the gateway use. */
export type JsonField = {
  readonly number: number
  /** lowerCamelCase */
  readonly name: string
  /** As the schema spells it, which cannot be told from the other: `erc_191` is `erc191`. */
  readonly schemaName: string
  readonly kind: 'uint64' | 'uint32' | 'bool' | 'string' | 'bytes' | 'message' | 'enum'
  /** Of messages and enums, with a dot in front. */
  readonly typeName: string
  readonly isRepeated: boolean
  /** In a oneof, or optional: left out when not set. */
  readonly isOptional: boolean
}

export type JsonSchema = {
  readonly messages: ReadonlyMap<string, readonly JsonField[]>
  /** Names of values by number. */
  readonly enums: ReadonlyMap<string, ReadonlyMap<number, string>>
}

/** Types of google.protobuf.FieldDescriptorProto. */
const kinds: ReadonlyMap<number, JsonField['kind']> = new Map([
  [4, 'uint64'],
  [13, 'uint32'],
  [8, 'bool'],
  [9, 'string'],
  [12, 'bytes'],
  [11, 'message'],
  [14, 'enum'],
])
const repeatedLabel = 3

let loaded: JsonSchema | undefined

/** The schemas of the wire, read from their descriptors when first needed. */
export function jsonSchema(): JsonSchema {
  loaded ??= readSchema(Buffer.from(fileDescriptorSetBase64, 'base64'))
  return loaded
}

function readSchema(set: Uint8Array): JsonSchema {
  const messages = new Map<string, readonly JsonField[]>()
  const enums = new Map<string, ReadonlyMap<number, string>>()
  const addEnum = (scope: string, bytes: Uint8Array): void => {
    const fields = [...wireFields(bytes)]
    const values = embeddedIn(fields, 2).map((value): [number, string] => {
      const ofValue = [...wireFields(value)]
      return [numberIn(ofValue, 2), textIn(ofValue, 1)]
    })
    enums.set(`${scope}.${textIn(fields, 1)}`, new Map(values))
  }
  const addMessage = (scope: string, bytes: Uint8Array): void => {
    const fields = [...wireFields(bytes)]
    const name = `${scope}.${textIn(fields, 1)}`
    messages.set(name, embeddedIn(fields, 2).flatMap(readField))
    for (const nested of embeddedIn(fields, 3)) addMessage(name, nested)
    for (const nested of embeddedIn(fields, 4)) addEnum(name, nested)
  }
  for (const file of embeddedIn([...wireFields(set)], 1)) {
    const fields = [...wireFields(file)]
    const scope = `.${textIn(fields, 2)}`
    for (const message of embeddedIn(fields, 4)) addMessage(scope, message)
    for (const each of embeddedIn(fields, 5)) addEnum(scope, each)
  }
  return { messages, enums }
}

/** None for a type that no message of the gateway has. */
function readField(bytes: Uint8Array): readonly JsonField[] {
  const fields = [...wireFields(bytes)]
  const kind = kinds.get(numberIn(fields, 5))
  if (kind === undefined) return []
  return [
    {
      number: numberIn(fields, 3),
      name: textIn(fields, 10),
      schemaName: textIn(fields, 1),
      kind,
      typeName: textIn(fields, 6),
      isRepeated: numberIn(fields, 4) === repeatedLabel,
      isOptional: fields.some(({ number }) => number === 9),
    },
  ]
}

function embeddedIn(fields: readonly WireField[], number: number): readonly Uint8Array[] {
  return fields.flatMap((field) =>
    field.number === number && typeof field.value !== 'bigint' ? [field.value] : [],
  )
}

function textIn(fields: readonly WireField[], number: number): string {
  const [bytes] = embeddedIn(fields, number)
  return bytes === undefined ? '' : Buffer.from(bytes).toString()
}

function numberIn(fields: readonly WireField[], number: number): number {
  const found = fields.find((field) => field.number === number)?.value
  return typeof found === 'bigint' ? Number(found) : 0
}
