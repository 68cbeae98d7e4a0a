import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { oneLine, printable, printableJson } from './printable.ts'
import { screenOf } from './screen.ts'
import { renderTable } from './table.ts'
import { duration, shortTime } from './time.ts'
import { padded, truncated, widthOf, wrapped } from './width.ts'

const screen = (columns: number | undefined, env: Record<string, string> = {}) =>
  screenOf({ stdout: { columns, write: () => undefined }, env })

/** What moves the cursor, renames the window, or turns text around. */
// oxlint-disable-next-line no-control-regex -- that is what it looks for
const dangerous = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/u
const anyText = fc.string({ unit: 'binary', maxLength: 200 })

describe('text of strangers', () => {
  it('cannot do anything to a terminal', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(printable(text)).not.toMatch(dangerous)
        expect(oneLine(text)).not.toMatch(dangerous)
        expect(oneLine(text)).not.toMatch(/[\n\t]/)
        expect(printableJson({ text })).not.toMatch(dangerous)
        expect(JSON.parse(printableJson({ text }))).toEqual({ text })
      }),
    )
  })

  it('shows what it would have done', () => {
    expect(printable('a\u001b[2Jb\nc')).toBe('a\\u001b[2Jb\n    c')
    expect(oneLine(' a\n\n b\u202ec ')).toBe('a b\\u202ec')
    expect(printable('👩‍👩‍👧 é')).toBe('👩‍👩‍👧 é')
  })
})

describe('width', () => {
  it.each([
    ['abc', 3],
    ['é', 1],
    ['e\u0301', 1],
    ['早上好', 6],
    ['👍🏽', 2],
    ['👩‍👩‍👧', 2],
    ['❤️', 2],
    ['0x8bd5…4eff', 11],
    ['', 0],
  ])('of %s is %i', (text, width) => {
    expect(widthOf(text)).toBe(width)
  })

  it('is kept by what cuts, fills and breaks', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 4, max: 40 }), (text, width) => {
        const line = oneLine(text)
        expect(widthOf(truncated(line, width))).toBeLessThanOrEqual(width)
        expect(widthOf(padded(line, width))).toBeGreaterThanOrEqual(width)
        const lines = wrapped(line, width)
        for (const one of lines) expect(widthOf(one)).toBeLessThanOrEqual(width)
        expect(lines.join('').replaceAll(' ', '')).toBe(line.replaceAll(' ', ''))
      }),
    )
  })

  it('breaks between words', () => {
    expect(wrapped('one two three', 8)).toEqual(['one two', 'three'])
    expect(wrapped('unbreakable', 5)).toEqual(['unbre', 'akabl', 'e'])
    expect(wrapped('a\n\nb', 5)).toEqual(['a', '', 'b'])
  })
})

describe('a table', () => {
  const columns = [
    { head: 'ID' },
    { head: 'NAME', isFlexible: true },
    { head: 'WHEN', isDim: true },
  ]

  it('is aligned, and gives way where it may', () => {
    const rows = [
      ['1', 'a name that is rather long', '15:04'],
      ['2', '早上好', '9 Nov'],
    ]
    expect(renderTable(columns, rows, screen(undefined))).toBe(
      [
        'ID  NAME                        WHEN',
        '1   a name that is rather long  15:04',
        '2   早上好                      9 Nov',
      ].join('\n'),
    )
    expect(renderTable(columns, rows, screen(24, { NO_COLOR: '1' }))).toBe(
      ['ID  NAME           WHEN', '1   a name that …  15:04', '2   早上好         9 Nov'].join(
        '\n',
      ),
    )
  })

  it('is coloured on terminals only, and not against the user’s will', () => {
    const shown = (columns_: number | undefined, env: Record<string, string>) =>
      renderTable(columns, [['1', 'a', 'b']], screen(columns_, env)).includes('\u001b')
    expect(shown(80, {})).toBe(true)
    expect(shown(80, { NO_COLOR: '1' })).toBe(false)
    expect(shown(80, { TERM: 'dumb' })).toBe(false)
    expect(shown(undefined, {})).toBe(false)
  })
})

describe('times', () => {
  it('are as short as they can be', () => {
    const now = new Date(2026, 10, 21, 15, 4)
    expect(shortTime(new Date(2026, 10, 21, 9, 5), now)).toBe('09:05')
    expect(shortTime(new Date(2026, 5, 1), now)).toBe('1 Jun')
    expect(shortTime(new Date(2025, 5, 15, 12), now)).toBe('2025-06-15')
    expect(duration(86_400_000_000_000n)).toBe('1 day')
    expect(duration(90_000_000_000n)).toBe('90 seconds')
    expect(duration(1n)).toBe('less than a second')
  })
})
