import fc from 'fast-check'
import { expect, it } from 'vitest'
import { SortedKeys } from './sorted-keys.ts'

const key = fc.nat(3_000).map((number) => number.toString(36))

it('are those of a sorted list, whatever is added and removed', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ key, keep: fc.integer({ min: 0, max: 3 }) }), {
        minLength: 0,
        maxLength: 4_000,
        size: 'max',
      }),
      key,
      key,
      (steps, from, to) => {
        const keys = new SortedKeys()
        const there = new Set<string>()
        for (const step of steps) {
          const isThere = there.has(step.key)
          if (step.keep > 0 && !isThere) {
            keys.add(step.key)
            there.add(step.key)
          } else if (step.keep === 0 && isThere) {
            keys.remove(step.key)
            there.delete(step.key)
          }
        }
        const expected = [...there].filter((one) => one >= from && one < to).toSorted()
        expect([...keys.ascending(from, to)]).toEqual(expected)
        expect([...keys.descending(from, to)]).toEqual(expected.toReversed())
        expect(keys.last(from, to)).toBe(expected.at(-1))
      },
    ),
    { numRuns: 60, seed: 5 },
  )
})
