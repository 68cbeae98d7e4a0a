/** How many columns text takes: East Asian characters and pictures take two, accents none. */
export function widthOf(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length
  return charactersOf(text).reduce((sum, character) => sum + characterWidth(character), 0)
}

/** At most `width` columns; what is cut off ends in an ellipsis. */
export function truncated(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  return `${fitting(text, Math.max(0, width - 1))}…`
}

/** Filled with blanks up to `width` columns. */
export function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)))
}

/** Lines of at most `width` columns, broken between words where that is possible. */
export function wrapped(text: string, width: number): readonly string[] {
  return text.split('\n').flatMap((line) => wrappedLine(line, Math.max(1, width)))
}

function wrappedLine(line: string, width: number): readonly string[] {
  const lines: string[] = []
  let current = ''
  for (const word of line.split(/(?<= )(?=[^ ])/)) {
    if (current !== '' && widthOf(current + word.trimEnd()) > width) {
      lines.push(current.trimEnd())
      current = ''
    }
    current += word
    while (widthOf(current.trimEnd()) > width) {
      const part = fitting(current, width)
      lines.push(part)
      current = current.slice(part.length)
    }
  }
  return [...lines, current.trimEnd()]
}

/** The longest beginning that takes at most `width` columns; one character at least, so that every cut gets further. */
function fitting(text: string, width: number): string {
  let taken = ''
  let columns = 0
  for (const character of charactersOf(text)) {
    columns += characterWidth(character)
    if (columns > width && taken !== '') break
    taken += character
  }
  return taken
}

const segmenter = new Intl.Segmenter()

function charactersOf(text: string): readonly string[] {
  return Array.from(segmenter.segment(text), ({ segment }) => segment)
}

const wide =
  /\p{Emoji_Presentation}|\ufe0f|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u

function characterWidth(character: string): number {
  if (/^[\p{Mark}\p{Cf}]+$/u.test(character)) return 0
  return wide.test(character) ? 2 : 1
}
