// JSON that keeps what JSON loses. A tagged value is `{ "$": tag, "is": … }`.

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json }

/** A value that only one side can hold: what it is called, and what the other side needs of it. */
export type Tagged = { readonly $: string; readonly is: Json }

/**
 * @param keep what to send of an object that stays here; `undefined` sends its readable properties
 */
export function toJson(value: unknown, keep: (object: object) => Tagged | undefined): Json {
  if (typeof value === 'bigint') return { $: 'bigint', is: String(value) }
  if (typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'number')
    return Number.isFinite(value) ? value : { $: 'number', is: String(value) }
  return typeof value === 'object' && value !== null ? objectToJson(value, keep) : null
}

function objectToJson(value: object, keep: (object: object) => Tagged | undefined): Json {
  const inner = (item: unknown) => toJson(item, keep)
  const kept = keep(value)
  if (kept !== undefined) return kept
  if (isTagged(value)) return { $: value.$, is: inner(value.is) }
  if (value instanceof Uint8Array) return { $: 'bytes', is: toBase64(value) }
  if (value instanceof Date) return { $: 'date', is: value.toISOString() }
  if (value instanceof Map) return { $: 'map', is: [...value].map((pair) => pair.map(inner)) }
  if (Array.isArray(value)) return value.map(inner)
  const entries = readable(value).filter(
    ([, item]) => item !== undefined && typeof item !== 'function',
  )
  return Object.fromEntries(entries.map(([name, item]) => [name, inner(item)]))
}

/** Own properties, and the getters of classes: native objects have nothing else. */
function readable(value: object): readonly (readonly [string, unknown])[] {
  const names = new Set(Object.keys(value))
  for (
    let shape: object | null = Object.getPrototypeOf(value);
    shape !== null && shape !== Object.prototype;
    shape = Object.getPrototypeOf(shape)
  )
    for (const [name, { get }] of Object.entries(Object.getOwnPropertyDescriptors(shape)))
      if (get !== undefined) names.add(name)
  return [...names].map((name) => [name, value[name as keyof typeof value]])
}

/** @param revive makes the value of a tag that only this side knows */
export function fromJson(json: Json, revive: (tagged: Tagged) => unknown): unknown {
  if (json === null || typeof json !== 'object') return json
  if (isArray(json)) return json.map((item) => fromJson(item, revive))
  if (!isTagged(json))
    return Object.fromEntries(
      Object.entries(json).map(([key, item]) => [key, fromJson(item, revive)]),
    )
  const { $: tag, is } = json
  switch (tag) {
    case 'bigint':
      return BigInt(is as string)
    case 'number':
      return Number(is)
    case 'bytes':
      return fromBase64(is as string)
    case 'date':
      return new Date(is as string)
    case 'map':
      return new Map(fromJson(is, revive) as [unknown, unknown][])
    default:
      return revive(json)
  }
}

const isArray = (json: Json): json is readonly Json[] => Array.isArray(json)

const isTagged = (value: object): value is Tagged => '$' in value && typeof value.$ === 'string'

// `btoa` and `atob` are what Node and browsers have in common.
const toBase64 = (bytes: Uint8Array) =>
  btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))

const fromBase64 = (text: string) =>
  Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
