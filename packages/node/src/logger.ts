import { XmtpError } from '@xmtp-ts/protocol'

/** Where the node tells its operator what happens. Never secrets, payloads or topics. */
export type Logger = {
  /** A likely bug, or a store or a chain that fails. */
  error(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
}

export type LogFields = Readonly<Record<string, unknown>>

/** Says nothing. */
export const silentLogger: Logger = { error: () => {}, info: () => {} }

/** One JSON object or one line of text per event, to standard error or where `write` says. */
export function createLogger(options: {
  readonly format: 'json' | 'text'
  readonly write?: (line: string) => void
}): Logger {
  const write = options.write ?? ((line) => process.stderr.write(`${line}\n`))
  const log =
    (level: 'error' | 'info') =>
    (event: string, fields: LogFields = {}): void => {
      const plain = Object.fromEntries(
        Object.entries(fields).map(([name, value]) => [name, plainValue(value)]),
      )
      write(
        options.format === 'json'
          ? JSON.stringify({ time: new Date().toISOString(), level, event, ...plain })
          : `${new Date().toISOString()} ${level} ${event} ${JSON.stringify(plain)}`,
      )
    }
  return { error: log('error'), info: log('info') }
}

function plainValue(value: unknown): unknown {
  if (value instanceof XmtpError)
    return { code: value.code, message: value.message, cause: plainValue(value.cause) }
  if (value instanceof Error) return value.stack ?? value.message
  return value
}
