import { undecodable } from './json.ts'

const nsPerMs = 1_000_000n
const nsPerSecond = 1_000_000_000n
const msPerDay = 86_400_000
const shape =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:[Zz]|([+-])(\d\d):(\d\d))$/

/**
 * Days since 1970 of a date of the Gregorian calendar: years begin in March here, so that leap days come last. The room
 * has no clock and no `Date`.
 */
function daysOf(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

function dateOf(days: number): readonly [year: number, month: number, day: number] {
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1_460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  )
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
  return [yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day]
}

const digits = (number: number, count: number) => String(number).padStart(count, '0')

/**
 * `2023-11-14T22:13:20.123Z`: UTC, cut to milliseconds, as libxmtp writes it.
 * @param ns since 1970, of the years 1970 to 9999
 * @throws RangeError
 */
export function formatInstant(ns: bigint): string {
  const ms = Number(ns / nsPerMs)
  const [year, month, day] = dateOf(Math.floor(ms / msPerDay))
  if (ns < 0n || year > 9_999) throw new RangeError(`${ns} ns is no time that can be written.`)
  const ofDay = ms % msPerDay
  const seconds = Math.floor(ofDay / 1_000)
  const time = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60]
  const date = `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}`
  return `${date}T${time.map((part) => digits(part, 2)).join(':')}.${digits(ofDay % 1_000, 3)}Z`
}

/**
 * Reads a time of RFC 3339, with any offset. @returns nanoseconds since 1970
 * @throws XmtpError `content.undecodable`
 */
export function parseInstant(text: string): bigint {
  const parts = shape.exec(text)
  if (parts === null) throw undecodable('A time does not parse.')
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts
    .slice(1, 7)
    .map(Number)
  const [fraction = '', sign, offsetHours, offsetMinutes] = parts.slice(7)
  const days = daysOf(year, month, day)
  const [sameYear, sameMonth, sameDay] = dateOf(days)
  const isDate = sameYear === year && sameMonth === month && sameDay === day
  const offset = Number(offsetHours ?? 0) * 60 + Number(offsetMinutes ?? 0)
  // A leap second counts as the first of the next minute.
  if (!isDate || hour > 23 || minute > 59 || second > 60 || offset >= 1_440)
    throw undecodable('A time does not exist.')
  const minutes = days * 1_440 + hour * 60 + minute - (sign === '-' ? -offset : offset)
  return BigInt(minutes * 60 + second) * nsPerSecond + BigInt(fraction.padEnd(9, '0'))
}
