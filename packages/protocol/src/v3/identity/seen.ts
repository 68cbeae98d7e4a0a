import { concatBytes } from '../../bytes.ts'
import { platform } from '#platform'

/**
 * The signatures of all earlier updates of an inbox, as records of 32 bytes: 16 of the SHA-256 of the bytes that
 * libxmtp remembers, then 16 of the SHA-256 of the canonical form. Fixed records make a state with hundreds of them
 * load, search and store in microseconds; 128 bits are enough where only a second preimage would help a forger.
 */
export type SeenSignatures = Uint8Array

/** A signature as this set keeps it. */
export type SeenSignature = {
  readonly replayBytes: Uint8Array
  readonly canonicalBytes: Uint8Array
}

const halfBytes = 16
/** Bytes of one record. */
export const seenRecordBytes = 2 * halfBytes

export const noSignatures: SeenSignatures = new Uint8Array()

/** The rule of existing logs: the same bytes, and nothing but them (libxmtp 1.10). */
export function hasSeenBytes(seen: SeenSignatures, { replayBytes }: SeenSignature): boolean {
  return findHalf(seen, { half: halfOf(replayBytes), offset: 0 })
}

/** The rule of publishing: the same signature in any spelling (node-api §14.5). */
export function hasSeenAnySpelling(
  seen: SeenSignatures,
  { canonicalBytes }: SeenSignature,
): boolean {
  return findHalf(seen, { half: halfOf(canonicalBytes), offset: halfBytes })
}

/** A set: what is there already is not added again. */
export function addSeen(
  seen: SeenSignatures,
  signatures: readonly SeenSignature[],
): SeenSignatures {
  const added: SeenSignature[] = []
  for (const signature of signatures) if (!added.includes(signature)) added.push(signature)
  const records = added
    .filter((signature) => !hasSeenBytes(seen, signature))
    .flatMap(({ replayBytes, canonicalBytes }) => [halfOf(replayBytes), halfOf(canonicalBytes)])
  return concatBytes(seen, ...records)
}

function halfOf(bytes: Uint8Array): Uint8Array {
  return platform.sha256(bytes).subarray(0, halfBytes)
}

function findHalf(
  seen: SeenSignatures,
  { half, offset }: { half: Uint8Array; offset: number },
): boolean {
  for (let start = offset; start < seen.length; start += seenRecordBytes) {
    let index = 0
    while (index < halfBytes && seen[start + index] === half[index]) index += 1
    if (index === halfBytes) return true
  }
  return false
}
