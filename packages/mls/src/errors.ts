import type { errorCodes } from './error-codes.ts'

/** The stable name of one broken rule. */
export type MlsErrorCode = keyof typeof errorCodes

/** Public facts about the failure, and what caused it. */
export type MlsErrorOptions = {
  readonly details?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
}

/** Everything this library throws because of its input. Wrong use by the programmer is a TypeError or RangeError. */
export class MlsError extends Error {
  override readonly name = 'MlsError'
  readonly code: MlsErrorCode
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: MlsErrorCode, what: string, options: MlsErrorOptions = {}) {
    // The table of clauses is left out of bundles that do not ask for it.
    super(`[${code}] ${what}`, { cause: options.cause })
    this.code = code
    this.details = options.details ?? {}
  }
}
