/** Times as people read them, in the time zone of this machine. */

const clock = format({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
const dayOfYear = format({ day: 'numeric', month: 'short' })
const fullDay = format({ weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' })
const fullTime = format({
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
})

/** `14:05` */
export function clockTime(date: Date): string {
  return clock.format(date)
}

/** `14:05` today, `21 Nov` this year, `2025-11-21` before. */
export function shortTime(date: Date, now: Date): string {
  if (isSameDay(date, now)) return clockTime(date)
  if (date.getFullYear() === now.getFullYear()) return dayOfYear.format(date)
  return date.toISOString().slice(0, 10)
}

/** `Saturday 21 November 2026` */
export function dayTitle(date: Date): string {
  return fullDay.format(date).replace(',', '')
}

/** `21 Nov 2026, 14:05` */
export function longTime(date: Date): string {
  return fullTime.format(date)
}

export function isSameDay(a: Date, b: Date): boolean {
  return a.toDateString() === b.toDateString()
}

const unitSeconds = [
  ['week', 604_800n],
  ['day', 86_400n],
  ['hour', 3_600n],
  ['minute', 60n],
  ['second', 1n],
] as const

/** `2 days`: in the largest unit that comes out even. */
export function duration(ns: bigint): string {
  const seconds = ns / 1_000_000_000n
  if (seconds === 0n) return 'less than a second'
  const [unit, size] = unitSeconds.find(([, size]) => seconds % size === 0n) ?? ['second', 1n]
  const count = seconds / size
  return `${count} ${unit}${count === 1n ? '' : 's'}`
}

function format(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-GB', options)
}
