/** Control characters move the cursor or rename the window; those for direction hide what is there. */
const dangerous = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu

/** What a line of its own may hold besides. */
const breaks = new Set(['\t', '\n'])

/**
 * Text of strangers, safe for a terminal. Further lines are indented, so that none looks like the next message.
 * @param indent columns of further lines
 */
export function printable(text: string, indent = 4): string {
  return text
    .replaceAll(dangerous, (character) => (breaks.has(character) ? character : escaped(character)))
    .replaceAll('\n', `\n${' '.repeat(indent)}`)
}

/** The same in one line, for a cell of a table: white space is one blank. */
export function oneLine(text: string): string {
  return text.replaceAll(/\s+/gu, ' ').trim().replaceAll(dangerous, escaped)
}

/** JSON that is safe on a terminal too, and the same for every reader of JSON. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(dangerous, escaped)
}

function escaped(character: string): string {
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`
}
