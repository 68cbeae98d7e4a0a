import { DecodedMessage } from '@xmtp-ts/client'

/** Levels of nested content that are shown; deeper ones are left out. */
const maxDepth = 12

/** Content as JSON has it: bytes in base64, large numbers as text, messages by their id. */
export function plain(value: unknown, depth = 0): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof DecodedMessage) return value.id
  if (depth === maxDepth) return null
  if (Array.isArray(value)) return value.map((one) => plain(one, depth + 1))
  const entries = value instanceof Map ? [...value] : Object.entries(value)
  return Object.fromEntries(entries.map(([key, one]) => [String(key), plain(one, depth + 1)]))
}
