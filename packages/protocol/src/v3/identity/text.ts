import type { UnsignedAction } from './action.ts'
import { identifierText, type MemberIdentifier } from './identifier.ts'

const header = 'XMTP : Authenticate to inbox'
const footer = 'For more info: https://xmtp.org/signatures'

/** What the text of an update depends on. */
export type UpdateContent = {
  /** as the update states it */
  readonly inboxId: string
  /** 0 to 2^64 - 1; shown in whole seconds */
  readonly clientTimestampNs: bigint
  readonly actions: readonly UnsignedAction[]
}

/** The text under every signature of an update, byte for byte in UTF-8 (v3-mls §1.3). */
export function identityUpdateText({ inboxId, clientTimestampNs, actions }: UpdateContent): string {
  const lines = [
    header,
    '',
    `Inbox ID: ${inboxId}`,
    `Current time: ${timeText(clientTimestampNs)}`,
    '',
    actions.map(actionText).join('\n'),
    '',
    footer,
  ]
  return lines.join('\n')
}

const labels = {
  ethereum: { noun: 'Address', add: 'Link address to inbox', revoke: 'Unlink address from inbox' },
  installation: {
    noun: 'ID',
    add: 'Grant messaging access to app',
    revoke: 'Revoke messaging access from app',
  },
  passkey: { noun: 'Passkey', add: 'Link passkey to inbox', revoke: 'Unlink passkey from inbox' },
} as const satisfies Record<MemberIdentifier['kind'], Record<'noun' | 'add' | 'revoke', string>>

function actionText(action: UnsignedAction): string {
  switch (action.kind) {
    case 'createInbox':
      return `- Create inbox\n  (Owner: ${identifierText(action.identifier)})`
    case 'changeRecovery':
      return `- Change inbox recovery address\n  (Address: ${identifierText(action.identifier)})`
    case 'add':
    case 'revoke': {
      const label = labels[action.member.kind]
      return `- ${label[action.kind]}\n  (${label.noun}: ${identifierText(action.member)})`
    }
    default:
      return action satisfies never
  }
}

const nsPerSecond = 1_000_000_000n
const secondsPerDay = 86_400n

/**
 * RFC 3339 in UTC, whole seconds, rounded down. libxmtp reads the unsigned field as a signed one, so that times from
 * 2262 on come out before 1970; the text has to agree.
 */
function timeText(timestampNs: bigint): string {
  const signed = BigInt.asIntN(64, timestampNs)
  const seconds = floorDivide(signed, nsPerSecond)
  const days = floorDivide(seconds, secondsPerDay)
  const rest = Number(seconds - days * secondsPerDay)
  const { year, month, day } = civilDate(Number(days))
  const time = [Math.floor(rest / 3600), Math.floor(rest / 60) % 60, rest % 60].map(twoDigits)
  return `${year}-${twoDigits(month)}-${twoDigits(day)}T${time.join(':')}Z`
}

function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by
  return value % by < 0n ? quotient - 1n : quotient
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0')
}

/**
 * The Gregorian date of a day counted from 1970-01-01, by eras of 400 years that begin on 1 March, so that the day
 * added in leap years is the last of its year.
 */
function civilDate(daysSince1970: number): { year: number; month: number; day: number } {
  const days = daysSince1970 + 719_468
  const era = Math.floor(days / 146_097)
  const dayOfEra = days - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1_460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  )
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153)
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1,
  }
}
