import { ConsentStateSave, ConsentTypeSave } from '@xmtp-ts/proto/device_sync/consent_backup'
import type { PreferenceUpdate } from '@xmtp-ts/proto/device_sync/content'
import { Consent } from '@xmtp-ts/proto/store/v1/store'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { takeUpdates } from './preference-updates.ts'

/** A few decisions on a few things; no two at one moment. */
const decisions: fc.Arbitrary<PreferenceUpdate[]> = fc
  .uniqueArray(
    fc.record({
      entity: fc.constantFrom('aa', 'bb', 'cc'),
      entityType: fc.constantFrom(
        ConsentTypeSave.CONSENT_TYPE_SAVE_INBOX_ID,
        ConsentTypeSave.CONSENT_TYPE_SAVE_CONVERSATION_ID,
      ),
      state: fc.constantFrom(
        ConsentStateSave.CONSENT_STATE_SAVE_ALLOWED,
        ConsentStateSave.CONSENT_STATE_SAVE_DENIED,
      ),
      consentedAtNs: fc.bigInt({ min: 0n, max: 1_000n }),
    }),
    { selector: ({ consentedAtNs }) => consentedAtNs, maxLength: 20 },
  )
  .map((saves) => saves.map((value) => ({ update: { $case: 'consent' as const, value } })))

/** What is stored after all of it came, so many at once. */
async function after(
  updates: readonly PreferenceUpdate[],
  size: number,
): Promise<ReadonlyMap<string, Consent>> {
  const stored = new Map<string, Uint8Array>()
  for (let start = 0; start < updates.length; start += size) {
    const { expect: relied, put } = await takeUpdates(
      async (keys) => keys.map((key) => stored.get(key)),
      updates.slice(start, start + size),
    )
    for (const { key, value } of relied) expect(stored.get(key)).toBe(value)
    for (const { key, value } of put) stored.set(key, value)
  }
  return new Map([...stored].toSorted().map(([key, value]) => [key, Consent.decode(value)]))
}

describe('decisions', () => {
  it('come to the same in whatever order and portions they come, and twice', async () => {
    await fc.assert(
      fc.asyncProperty(
        decisions.chain((all) =>
          fc.tuple(
            fc.constant(all),
            fc.shuffledSubarray(all, { minLength: all.length }),
            fc.integer({ min: 1, max: 20 }),
          ),
        ),
        async ([one, other, size]) => {
          expect(await after([...one, ...other], size)).toEqual(await after(one, 1))
        },
      ),
    )
  })
})
