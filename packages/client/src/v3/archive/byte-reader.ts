import { XmtpError } from '@xmtp-ts/protocol'

/** Bytes that come in pieces, taken in the lengths that a format asks for. */
export type ByteReader = {
  /** @throws XmtpError `client.archive.malformed` when the bytes end before */
  readonly take: (length: number) => Promise<Uint8Array>
  /** As many as are here already: one at least. @throws as `take` */
  readonly some: () => Promise<Uint8Array>
  /** Whether all has been taken. */
  readonly isAtEnd: () => Promise<boolean>
}

export function readBytes(pieces: AsyncIterable<Uint8Array>): ByteReader {
  const iterator = pieces[Symbol.asyncIterator]()
  let rest = new Uint8Array()

  /** @returns whether there is another byte */
  const fill = async () => {
    while (rest.length === 0) {
      const next = await iterator.next()
      if (next.done === true) return false
      rest = Uint8Array.from(next.value)
    }
    return true
  }

  const takeUpTo = async (length: number) => {
    if (!(await fill()))
      throw new XmtpError('client.archive.malformed', 'The archive ends too soon.')
    const piece = rest.subarray(0, length)
    rest = rest.subarray(length)
    return piece
  }

  return {
    isAtEnd: async () => !(await fill()),
    some: () => takeUpTo(Infinity),
    async take(length) {
      const taken = new Uint8Array(length)
      for (let filled = 0; filled < length;) {
        const piece = await takeUpTo(length - filled)
        taken.set(piece, filled)
        filled += piece.length
      }
      return taken
    },
  }
}
