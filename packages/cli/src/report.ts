import { XmtpError, type ErrorCode } from '@xmtp-ts/client'
import type { Io, Output } from './io.ts'
import { printable, printableJson } from './terminal/printable.ts'
import { screenOf, type Screen } from './terminal/screen.ts'
import { renderTable, type Column } from './terminal/table.ts'

type Json = Readonly<Record<string, unknown>>

/** One thing to tell: as a line of JSON, or as text for people. */
export type Report = {
  readonly json: Json
  /** Safe for a terminal; nothing is written for an empty one. */
  readonly text: string | ((screen: Screen) => string)
}

/** Several things of one kind: a line of JSON each, or a table. */
export type Listing = {
  readonly columns: readonly Column[]
  readonly rows: readonly { readonly json: Json; readonly cells: readonly string[] }[]
  /** Said when there are none. */
  readonly none: string
}

/** What is worth knowing and no failure; docs/cli.md lists the codes that are not of errors. */
export type NoticeCode =
  | ErrorCode
  | 'installation.made'
  | 'installation.revoked'
  | 'inbox.manyInstallations'
  | 'inbox.manyUpdates'
  | 'connection.lost'
  | 'connection.restored'
  | 'internal'

/** How a verb speaks. */
export type Reporter = {
  /** A result, to stdout. Resolves when it is written. */
  readonly result: (report: Report) => Promise<void>
  readonly list: (listing: Listing) => Promise<void>
  /** What goes on, to stderr; programs are not told. */
  readonly progress: (text: string) => void
  /** The same for programs too, as `{"notice":{"code","message"}}`. */
  readonly notice: (code: NoticeCode, message: string) => void
  /** Says what is waited for, if it takes long enough for people to wonder. */
  readonly during: <T>(text: string, work: Promise<T>) => Promise<T>
}

/** Milliseconds after which people wonder whether anything happens. */
const patienceMs = 1_000

export function createReporter(io: Io, { json }: { json: boolean }): Reporter {
  const screen = screenOf(io)
  const tell = (text: string) => void quietly(io.stderr, `${text}\n`)
  const progress = (text: string) => json || tell(printable(text))
  return {
    async result(report) {
      await io.stdout.write(json ? `${printableJson(report.json)}\n` : shown(report, screen))
    },
    async list({ columns, rows, none }) {
      if (json) for (const row of rows) await io.stdout.write(`${printableJson(row.json)}\n`)
      else if (rows.length === 0) tell(none)
      else await io.stdout.write(`${renderTable(columns, cellsOf(rows), screen)}\n`)
    },
    progress,
    notice(code, message) {
      if (json) tell(printableJson({ notice: { code, message } }))
      else progress(message)
    },
    async during(text, work) {
      const timer = setTimeout(() => progress(text), patienceMs)
      try {
        return await work
      } finally {
        clearTimeout(timer)
      }
    },
  }
}

/**
 * Tells why a verb failed, to stderr: one line, as `{"error":{"code","message"}}` for programs. What is no error of
 * ours is a bug; its stack is shown, since nobody can report it otherwise.
 */
export async function reportError(
  { stderr }: Pick<Io, 'stderr'>,
  error: unknown,
  { json }: { json: boolean },
): Promise<void> {
  if (json) await quietly(stderr, `${printableJson({ error: describe(error) })}\n`)
  else if (error instanceof XmtpError)
    await quietly(stderr, `xmtp-ts: ${printable(sentence(error))}\n${candidateLines(error)}`)
  else
    await quietly(
      stderr,
      `xmtp-ts: this is a bug, please report it.\n${printable(stackOf(error))}\n`,
    )
}

/** The sentence without the code, which has a field of its own. */
export function sentence({ code, message }: XmtpError): string {
  return message.replace(`[${code}] `, '')
}

function describe(error: unknown): Json {
  if (!(error instanceof XmtpError))
    return { code: 'internal', message: error instanceof Error ? error.message : String(error) }
  const candidates = candidatesOf(error)
  return { code: error.code, message: sentence(error), ...(candidates && { candidates }) }
}

/** What a name may have meant. */
function candidatesOf({ details }: XmtpError): readonly Json[] | undefined {
  const { candidates } = details
  return Array.isArray(candidates) ? candidates : undefined
}

function candidateLines(error: XmtpError): string {
  const lines = candidatesOf(error)?.map((one) => printable(`  ${Object.values(one).join('  ')}`))
  return lines === undefined ? '' : `${lines.join('\n')}\n`
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

function shown({ text }: Report, screen: Screen): string {
  const shown = typeof text === 'string' ? text : text(screen)
  return shown === '' ? '' : `${shown}\n`
}

function cellsOf(rows: Listing['rows']): readonly (readonly string[])[] {
  return rows.map(({ cells }) => cells)
}

/** Whether anybody reads what is told on the side does not matter. */
async function quietly(output: Output, text: string): Promise<void> {
  try {
    await output.write(text)
  } catch {
    // Nobody is there.
  }
}
