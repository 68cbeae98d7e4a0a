import { expect, it } from 'vitest'
import { formatContentType, parseContentType, sameContentType } from './content-type.ts'
import { textType } from './text.ts'

it('reads what it writes', () => {
  expect(formatContentType(textType)).toBe('xmtp.org/text:1.0')
  expect(parseContentType('xmtp.org/text:1.0')).toEqual(textType)
})

it.each(['', 'text', 'xmtp.org/text', 'xmtp.org/text:1', 'xmtp.org/text:a.b', '/text:1.0'])(
  'refuses %j',
  (text) => {
    expect(() => parseContentType(text)).toThrow(/does not parse/)
  },
)

it('compares authority and type, not versions', () => {
  expect(sameContentType(textType, { ...textType, versionMajor: 9 })).toBe(true)
  expect(sameContentType(textType, { ...textType, typeId: 'other' })).toBe(false)
})
