import { XmtpError } from '@xmtp-ts/client'
import { maxCount, maxDisappearingNs, maxDurableNameLength, maxTimeNs } from './limits.ts'

/** @throws XmtpError `cli.usage` unless a whole number from 1 on */
export function parseCount(name: string, text: string): number {
  const count = /^\d{1,7}$/.test(text) ? Number(text) : 0
  if (count < 1 || count > maxCount)
    throw new XmtpError('cli.usage', `${name} is a number from 1 on, not ${JSON.stringify(text)}.`)
  return count
}

const nsPerMs = 1_000_000n

/** ISO 8601, to nanoseconds since 1970, or the nearest that the protocol can write; undefined for what is no time. */
export function parseTimeNs(text: string): bigint | undefined {
  if (!/^\d{4}-\d\d-\d\d/.test(text)) return undefined
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) return undefined
  const ns = BigInt(Math.max(0, ms)) * nsPerMs
  return ns > maxTimeNs ? maxTimeNs : ns
}

/** Names a place in a stream. @throws XmtpError `cli.usage` */
export function parseDurableName(text: string): string {
  if (text !== '' && text.length <= maxDurableNameLength) return text
  throw new XmtpError('cli.usage', `--durable takes 1 to ${maxDurableNameLength} characters.`)
}

const units: Readonly<Record<string, bigint>> = {
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
  w: 604_800_000_000_000n,
}

/** `30s`, `10m`, `24h`, `7d` or `2w`, to nanoseconds. @throws XmtpError `cli.usage` */
export function parseDurationNs(text: string): bigint {
  const [, count = '', unit = ''] = /^(\d{1,5})([smhdw])$/.exec(text) ?? []
  const ns = BigInt(count === '' ? 0 : count) * (units[unit] ?? 0n)
  if (ns === 0n || ns > maxDisappearingNs)
    throw new XmtpError(
      'cli.usage',
      `${JSON.stringify(text)} is no time such as 30s, 10m, 24h, 7d.`,
    )
  return ns
}
