import type { V3Place } from './v3-store.ts'

/** The place of the newest entry of a log. */
export type Clock = { readonly sequence: number; readonly createdUs: number }

/**
 * The place behind the newest. Times grow strictly, whatever the clock of the machine does: libxmtp sorts by them.
 * Whole microseconds, which a double holds until the year 2255.
 */
export function nextPlace(
  { sequence, createdUs }: Clock,
  nowMs: number,
): { readonly clock: Clock; readonly place: V3Place } {
  const clock = {
    sequence: sequence + 1,
    createdUs: Math.max(Math.floor(nowMs * 1_000), createdUs + 1),
  }
  const createdNs = BigInt(clock.createdUs) * 1_000n
  return { clock, place: { sequence: clock.sequence, createdNs } }
}
