import type { LogQuery } from './log.ts'

/**
 * The place of an envelope in the order of queries, as bytes that compare like it: 8 bytes of the sender's time,
 * big-endian, then the digest. Databases compare bytes as unsigned, which the order of §3.4 asks for and signed
 * 64-bit integers do not give.
 */
export function positionOf(timestampNs: bigint, digest: Uint8Array): Buffer {
  const position = Buffer.allocUnsafe(8 + digest.length)
  position.writeBigUInt64BE(timestampNs)
  position.set(digest, 8)
  return position
}

/** The sender's time in a position. */
export function timeOfPosition(position: Uint8Array): bigint {
  return new DataView(position.buffer, position.byteOffset, 8).getBigUint64(0)
}

/** Both exclusive. */
export type PositionBounds = { readonly above: Uint8Array; readonly below: Uint8Array }

/** Longer than every position, so that it is above all with its time. */
const afterEveryDigest = new Uint8Array(41).fill(0xff)

/** The window and cursor of a query as bounds; a cursor of the digest alone is no bound (see `digestFilter`). */
export function positionBounds({ startNs, endNs, cursor, direction }: LogQuery): PositionBounds {
  let above: Uint8Array = startNs === 0n ? Buffer.alloc(0) : positionOf(startNs, new Uint8Array())
  let below: Uint8Array = endNs === 0n ? afterEveryDigest : positionOf(endNs, afterEveryDigest)
  if (cursor?.timestampNs !== undefined) {
    const at = positionOf(cursor.timestampNs, cursor.digest)
    if (direction === 'ascending' && Buffer.compare(at, above) > 0) above = at
    if (direction === 'descending' && Buffer.compare(at, below) < 0) below = at
  }
  return { above, below }
}

/** The digest that a legacy cursor compares with, without the time (§3.4); undefined for all others. */
export function legacyDigest({ cursor }: LogQuery): Uint8Array | undefined {
  return cursor !== undefined && cursor.timestampNs === undefined ? cursor.digest : undefined
}
