import { XmtpError } from '@xmtp-ts/client'
import type { Io } from './io.ts'
import { maxTextBytes } from './limits.ts'

/**
 * A text as it was given; `-` is what comes on stdin, without the end of its last line. What stands on a command line can
 * be seen by everybody on the machine.
 * @throws XmtpError `cli.usage` for none, `bytes.tooLong`
 */
export async function textOf(given: string | undefined, io: Io): Promise<string> {
  const text = given === '-' ? (await readAll(io)).replace(/\r?\n$/, '') : (given ?? '')
  if (text === '') throw new XmtpError('cli.usage', 'The text is missing.')
  return text
}

async function readAll({ stdin }: Io): Promise<string> {
  const pieces: Uint8Array[] = []
  let sizeBytes = 0
  for await (const piece of stdin()) {
    sizeBytes += piece.length
    if (sizeBytes > maxTextBytes)
      throw new XmtpError('bytes.tooLong', `A text has at most ${maxTextBytes} bytes.`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}
