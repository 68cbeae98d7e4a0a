import { oneLine } from './printable.ts'
import type { Screen } from './screen.ts'
import { padded, truncated, widthOf } from './width.ts'

export type Column = {
  readonly head: string
  /** Gives way when the terminal is too narrow. */
  readonly isFlexible?: boolean
  readonly isDim?: boolean
}

const gap = '  '

/** Columns that a flexible one keeps in any case. */
const leastColumns = 8

/** Rows below their heads, aligned; cells are made safe for a terminal here. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  screen: Screen,
): string {
  const cells = rows.map((row) => row.map(oneLine))
  const natural = columns.map(({ head }, index) =>
    Math.max(widthOf(head), ...cells.map((row) => widthOf(row[index] ?? ''))),
  )
  const widths = fitted(columns, natural, screen.columns)
  const line = (row: readonly string[]) =>
    row.map((cell, index) => padded(truncated(cell, widths[index] ?? 0), widths[index] ?? 0))
  const heads = line(columns.map(({ head }) => head)).join(gap)
  const body = cells.map((row) =>
    line(row)
      .map((cell, index) => (columns[index]?.isDim === true ? screen.dim(cell) : cell))
      .join(gap)
      .trimEnd(),
  )
  return [screen.dim(heads.trimEnd()), ...body].join('\n')
}

/** Takes from the widest flexible column until everything fits. */
function fitted(
  columns: readonly Column[],
  natural: readonly number[],
  available: number | undefined,
): readonly number[] {
  const widths = [...natural]
  if (available === undefined) return widths
  const gaps = gap.length * (columns.length - 1)
  for (;;) {
    const excess = widths.reduce((sum, width) => sum + width, gaps) - available
    const [widest] = widths
      .map((width, index) => ({ width, index }))
      .filter(({ width, index }) => columns[index]?.isFlexible === true && width > leastColumns)
      .toSorted((a, b) => b.width - a.width)
    if (excess <= 0 || widest === undefined) return widths
    widths[widest.index] = widest.width - 1
  }
}
