import { oneLine } from '../terminal/printable.ts'
import type { Screen } from '../terminal/screen.ts'
import { padded, widthOf } from '../terminal/width.ts'

/** What is known of one thing, a line each; those without value are left out. Safe for a terminal. */
export function fieldsText(
  fields: readonly (readonly [label: string, value: string | readonly string[]])[],
  screen: Screen,
): string {
  const shown = fields.filter(([, value]) => value.length > 0)
  const width = Math.max(...shown.map(([label]) => widthOf(label)))
  const margin = ' '.repeat(width + 2)
  return shown
    .map(([label, value]) => {
      const lines = [value].flat().map(oneLine)
      return `${screen.dim(padded(label, width))}  ${lines.join(`\n${margin}`)}`
    })
    .join('\n')
}
