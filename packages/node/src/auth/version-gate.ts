import { XmtpError } from '@xmtp-ts/protocol'
import { maxMetricLabelBytes } from '../limits.ts'

/** A version of libxmtp, by the rules of semver.org as far as two of them are compared here. */
export type Version = {
  readonly numbers: readonly [major: number, minor: number, patch: number]
  readonly isPrerelease: boolean
}

const shape = /^v?(\d{1,9})\.(\d{1,9})\.(\d{1,9})(-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/

/** @returns undefined for what is no version */
export function parseVersion(text: string): Version | undefined {
  const [whole, major, minor, patch, prerelease] = shape.exec(text) ?? []
  if (whole === undefined) return undefined
  return {
    numbers: [Number(major), Number(minor), Number(patch)],
    isPrerelease: prerelease !== undefined,
  }
}

/**
 * Refuses clients whose libxmtp is too old (node-api §2.4). One that does not say, or says what is no version, passes.
 * @throws XmtpError `node.client.tooOld`
 */
export function checkVersion(
  headers: Readonly<Record<string, string>>,
  minimum: Version | undefined,
): void {
  const said = headers['x-libxmtp-version'] ?? ''
  const version = minimum && parseVersion(said)
  if (minimum === undefined || version === undefined || !isBefore(version, minimum)) return
  throw new XmtpError('node.client.tooOld', 'The libxmtp of the caller is too old.', {
    details: { text: `unsupported libxmtp version ${said.slice(0, maxMetricLabelBytes)}` },
  })
}

function isBefore(a: Version, b: Version): boolean {
  const index = a.numbers.findIndex((number, place) => number !== b.numbers[place])
  if (index < 0) return a.isPrerelease && !b.isPrerelease
  return (a.numbers[index] ?? 0) < (b.numbers[index] ?? 0)
}
