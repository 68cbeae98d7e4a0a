import { XmtpError } from '@xmtp-ts/client/v2'

/** Most messages that one command prints. More is a job for a program over the SDK. */
const maxCount = 1_000_000

/** @throws XmtpError `cli.usage` unless a whole number from 1 on */
export function parseCount(name: string, text: string): number {
  const count = /^\d{1,7}$/.test(text) ? Number(text) : 0
  if (count < 1 || count > maxCount)
    throw new XmtpError('cli.usage', `${name} is a number from 1 on, not ${JSON.stringify(text)}.`)
  return count
}
