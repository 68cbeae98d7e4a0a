import { XmtpError } from '@xmtp-ts/client/v2'
import type { Io } from './io.ts'

/** One thing to tell: as a line of JSON, or as text for people. */
export type Report = {
  readonly json: Readonly<Record<string, unknown>>
  readonly text: string
}

/** How a verb speaks. */
export type Reporter = {
  /** A result, to stdout. */
  readonly result: (report: Report) => void
  /** What goes on, to stderr; programs are not told. */
  readonly progress: (text: string) => void
}

export function createReporter({ stdout, stderr }: Io, { json }: { json: boolean }): Reporter {
  return json
    ? {
        result: (report) => void stdout.write(`${JSON.stringify(report.json)}\n`),
        progress: () => undefined,
      }
    : {
        result: ({ text }) => void stdout.write(text === '' ? '' : `${text}\n`),
        progress: (text) => void stderr.write(`${printable(text)}\n`),
      }
}

/**
 * Tells why a verb failed, to stderr: one line, as `{"error":{"code","message"}}` for programs. What is no error of
 * ours is a bug; its stack is shown, since nobody can report it otherwise.
 */
export function reportError(io: Io, error: unknown, { json }: { json: boolean }): void {
  const { code, message } = describe(error)
  if (json) io.stderr.write(`${JSON.stringify({ error: { code, message } })}\n`)
  else if (error instanceof XmtpError) io.stderr.write(`xmtp-ts: ${message}\n`)
  else io.stderr.write(`xmtp-ts: this is a bug, please report it.\n${stackOf(error)}\n`)
}

/** The sentence without the code, which has a field of its own. */
function describe(error: unknown): { code: string; message: string } {
  if (error instanceof XmtpError) {
    const { code, message } = error
    return { code, message: message.replace(`[${code}] `, '') }
  }
  return { code: 'internal', message: error instanceof Error ? error.message : String(error) }
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/**
 * Text of strangers, safe for a terminal: control characters would move the cursor or rename the window, and those for
 * direction hide what is there. Further lines are indented, so that none looks like the next message.
 */
export function printable(text: string): string {
  return text
    .replaceAll(/(?![\t\n])[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, (character) => {
      const code = (character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')
      return `\\u${code}`
    })
    .replaceAll('\n', '\n    ')
}
