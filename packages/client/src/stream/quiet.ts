import { quietStreamMs } from '../limits.ts'

/** Ends a connection over which nothing came for minutes: it may be dead, and looks the same. */
export async function* untilQuiet<T>(
  all: AsyncIterable<T>,
  end: () => void,
): AsyncGenerator<T, void> {
  let timer = setTimeout(end, quietStreamMs)
  try {
    for await (const one of all) {
      clearTimeout(timer)
      yield one
      timer = setTimeout(end, quietStreamMs)
    }
  } finally {
    clearTimeout(timer)
  }
}
