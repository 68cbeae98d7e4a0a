import { utf8 } from '../bytes.ts'
import type { Address } from '../address.ts'
import { platform } from '#platform'

/** Periods of 30 days since 1970 (v1-v2 §12). */
const periodMs = 2_592_000_000

const empty = new Uint8Array()

/** A key with which a push server recognises an account's own messages, and the period it is for. */
export type HmacKey = {
  /** 30-day periods since 1970 */
  readonly period: number
  /** 32 bytes */
  readonly key: Uint8Array
}

type HmacKeyOptions = { readonly keyMaterial: Uint8Array; readonly account: Address }

export function hmacPeriod(nowMs: number): number {
  return Math.floor(nowMs / periodMs)
}

/** The key under which `account` authenticates its headers in one period. */
export function deriveHmacKey(period: number, { keyMaterial, account }: HmacKeyOptions): HmacKey {
  const info = utf8(`${period}-${account}`)
  return { period, key: platform.hkdfSha256(keyMaterial, { salt: empty, info }) }
}

/** The keys to hand to a push server: of the previous, the current and the next period. */
export function hmacKeysForPush(nowMs: number, options: HmacKeyOptions): readonly HmacKey[] {
  const current = hmacPeriod(nowMs)
  return [current - 1, current, current + 1].map((period) => deriveHmacKey(period, options))
}

/** Over the header bytes, although the schema's comment says ciphertext (v1-v2 §12). 32 bytes. */
export function senderHmac({ key }: HmacKey, headerBytes: Uint8Array): Uint8Array {
  return platform.hmacSha256(key, headerBytes)
}
