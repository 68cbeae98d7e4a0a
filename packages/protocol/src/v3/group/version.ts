import { compareBytes, utf8 } from '../../bytes.ts'
import { XmtpError } from '../../errors.ts'

/** A version of libxmtp's rules, as its releases up to 1.10 read it. */
type Version = { readonly numbers: readonly number[]; readonly suffix: string | undefined }

const numberShape = /^\+?[0-9]+$/

/** @throws XmtpError `v3.group.versionMalformed` */
function parseVersion(text: string): Version {
  const parts = text.split('.')
  const [patch = '', suffix] = (parts[2] ?? '').split('-')
  const digits = [parts[0] ?? '', parts[1] ?? '', patch]
  const numbers = digits.map(Number)
  const isVersion =
    parts.length === 3 &&
    digits.every((part) => numberShape.test(part)) &&
    numbers.every((number) => number <= 0xffff_ffff)
  if (!isVersion)
    throw new XmtpError(
      'v3.group.versionMalformed',
      `${JSON.stringify(text.slice(0, 80))} is no version.`,
    )
  return { numbers, suffix }
}

/**
 * Orders versions as libxmtp 1.10 does, which decides whether a group is paused (v3-mls §5.3): a version without a suffix
 * comes before the same one with any suffix, unlike in semantic versioning.
 *
 * @returns negative, zero or positive
 * @throws XmtpError `v3.group.versionMalformed`
 */
export function compareVersions(a: string, b: string): number {
  const [one, two] = [parseVersion(a), parseVersion(b)]
  for (const [index, number] of one.numbers.entries()) {
    const difference = number - (two.numbers[index] ?? 0)
    if (difference !== 0) return difference
  }
  if (one.suffix === undefined || two.suffix === undefined)
    return Number(one.suffix !== undefined) - Number(two.suffix !== undefined)
  return compareBytes(utf8(one.suffix), utf8(two.suffix))
}
