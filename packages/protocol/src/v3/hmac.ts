import { concatBytes, utf8 } from '../bytes.ts'
import { platform } from '#platform'

/** Periods of 30 days since 1970 (v3-mls §6.2). */
const periodMs = 2_592_000_000

/** Bytes of the root key of an inbox, and of each key that it gives. */
export const hmacKeyBytes = 42

const salt = utf8('libXMTP HKDF salt!')

/** A key with which a push server recognises an inbox's own messages in one group, and the period it is for. */
export type HmacKey = {
  /** 30-day periods since 1970 */
  readonly period: number
  /** 42 bytes */
  readonly key: Uint8Array
}

type HmacKeyOptions = {
  /** 42 random bytes that the installations of an inbox share */
  readonly rootKey: Uint8Array
  readonly groupId: Uint8Array
}

export function hmacPeriod(nowMs: number): number {
  return Math.floor(nowMs / periodMs)
}

/** The key of an inbox for one group and one period (v3-mls §6.2). */
export function deriveHmacKey(period: number, { rootKey, groupId }: HmacKeyOptions): HmacKey {
  const number = new DataView(new ArrayBuffer(8))
  number.setBigInt64(0, BigInt(period), true)
  const info = concatBytes(groupId, new Uint8Array(number.buffer))
  // HKDF-SHA-256 (RFC 5869): extract, and two blocks of expand for 42 bytes.
  const secret = platform.hmacSha256(salt, concatBytes(rootKey, groupId))
  const first = platform.hmacSha256(secret, concatBytes(info, Uint8Array.of(1)))
  const second = platform.hmacSha256(secret, concatBytes(first, info, Uint8Array.of(2)))
  return { period, key: concatBytes(first, second).slice(0, hmacKeyBytes) }
}

/** The keys to hand to a push server: of the previous, the current and the next period. */
export function hmacKeysForPush(nowMs: number, options: HmacKeyOptions): readonly HmacKey[] {
  const current = hmacPeriod(nowMs)
  return [current - 1, current, current + 1].map((period) => deriveHmacKey(period, options))
}

/** What goes with a group message, 32 bytes. @param data the MLSMessage as published */
export function senderHmac({ key }: HmacKey, data: Uint8Array): Uint8Array {
  return platform.hmacSha256(key, data)
}
