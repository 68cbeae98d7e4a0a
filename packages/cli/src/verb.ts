import type { Io } from './io.ts'
import type { Reporter } from './report.ts'

export type VerbContext = { readonly io: Io; readonly reporter: Reporter }

/**
 * One thing the program can do. Resolves when it is done, with an exit code if that is not 0; rejects with what
 * `exit-codes.ts` knows.
 */
export type Verb<Options, Values extends readonly unknown[] = []> = (
  options: Options,
  context: VerbContext,
  ...values: Values
) => Promise<number | void>
