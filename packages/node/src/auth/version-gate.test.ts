import { expect, it } from 'vitest'
import { checkVersion, parseVersion } from './version-gate.ts'

const minimum = parseVersion('1.1.5')!
const calling = (version: string) => () => checkVersion({ 'x-libxmtp-version': version }, minimum)

it.each(['1.1.5', '1.1.6', '1.10.0', '2.0.0-rc1', 'v1.2.0', '1.1.5+build', '', '0.0', 'newest'])(
  'lets %j in',
  (version) => expect(calling(version)).not.toThrow(),
)

it.each(['1.1.4', '1.0.99', '0.9.0', '1.1.5-rc2', 'v1.1.0'])('refuses %j', (version) => {
  expect(calling(version)).toThrow(
    expect.objectContaining({
      code: 'node.client.tooOld',
      details: { text: `unsupported libxmtp version ${version}` },
    }),
  )
})

it('refuses nobody unless it is told to', () => {
  expect(() => checkVersion({ 'x-libxmtp-version': '0.0.1' }, undefined)).not.toThrow()
})
