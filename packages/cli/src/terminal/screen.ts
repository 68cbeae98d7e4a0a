import type { Io } from '../io.ts'

/** What text for people is fitted to. */
export type Screen = {
  /** Undefined: no terminal, so nothing is cut or wrapped. */
  readonly columns: number | undefined
  readonly now: Date
  readonly bold: Style
  readonly dim: Style
}

export type Style = (text: string) => string

/** Colours are for terminals, unless NO_COLOR says otherwise (no-color.org). */
export function screenOf({ stdout, env }: Pick<Io, 'stdout' | 'env'>): Screen {
  const { NO_COLOR: noColor = '', TERM: kind } = env
  const isStyled = stdout.columns !== undefined && noColor === '' && kind !== 'dumb'
  return {
    columns: stdout.columns,
    now: new Date(),
    bold: isStyled ? styled(1, 22) : plain,
    dim: isStyled ? styled(2, 22) : plain,
  }
}

function styled(on: number, off: number): Style {
  return (text) => (text === '' ? '' : `\u001b[${on}m${text}\u001b[${off}m`)
}

function plain(text: string): string {
  return text
}
