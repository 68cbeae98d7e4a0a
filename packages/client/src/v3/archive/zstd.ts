import { XmtpError } from '@xmtp-ts/protocol'
import { Decompress } from 'fzstd'
import { maxArchiveWindowBytes } from '../../limits.ts'
import { readBytes, type ByteReader } from './byte-reader.ts'

/** RFC 8878 §3.1.1: magic number, no flags, a window of 2^17 bytes. */
const plainHeader = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38)

/** No block holds more, compressed or not (RFC 8878 §3.1.1.2.4). */
const maxBlockBytes = 131_072

/**
 * A Zstandard frame of stored blocks, as large as they may be: what goes into an archive is encrypted, and does not get
 * smaller.
 * @see RFC 8878 §3.1.1.2
 */
export async function* storeZstd(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield plainHeader
  const block = new Uint8Array(maxBlockBytes)
  let filled = 0
  for await (const piece of pieces)
    for (let start = 0; start < piece.length;) {
      const part = piece.subarray(start, start + maxBlockBytes - filled)
      block.set(part, filled)
      filled += part.length
      start += part.length
      if (filled < maxBlockBytes) continue
      yield blockHeader(filled, false)
      yield block.slice()
      filled = 0
    }
  yield blockHeader(filled, true)
  yield block.slice(0, filled)
}

function blockHeader(sizeBytes: number, isLast: boolean): Uint8Array {
  const header = (sizeBytes << 3) | Number(isLast)
  return Uint8Array.of(header, header >> 8, header >> 16)
}

/**
 * Reads one Zstandard frame, block by block, so that no more than a window and a block is held, whatever it inflates to.
 * @throws XmtpError `client.archive.malformed` for what is no frame, is cut, or goes on after it; `client.archive.tooLarge`
 * when it asks for a larger window
 */
export async function* unzstd(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = readBytes(pieces)
  const { bytes: header, hasChecksum } = await readHeader(reader)
  const inflated: Uint8Array[] = []
  const decompress = new Decompress((piece) => inflated.push(piece))
  push(decompress, header, false)
  for (let isLast = false; !isLast;) {
    const block = await readBlock(reader)
    isLast = block.isLast
    push(decompress, block.header, false)
    push(decompress, block.body, false)
    yield* inflated.splice(0)
  }
  if (hasChecksum) push(decompress, await reader.take(4), false)
  push(decompress, new Uint8Array(), true)
  yield* inflated.splice(0)
  if (!(await reader.isAtEnd())) throw malformed('bytes follow its end')
}

type Block = { readonly header: Uint8Array; readonly body: Uint8Array; readonly isLast: boolean }

async function readBlock(reader: ByteReader): Promise<Block> {
  const header = await reader.take(3)
  const [a = 0, b = 0, c = 0] = header
  const number = a | (b << 8) | (c << 16)
  const sizeBytes = number >> 3
  if (sizeBytes > maxBlockBytes) throw malformed(`a block has ${sizeBytes} bytes`)
  const isRepeated = ((number >> 1) & 3) === 1
  return { header, body: await reader.take(isRepeated ? 1 : sizeBytes), isLast: (number & 1) === 1 }
}

/** RFC 8878 §3.1.1.1. */
async function readHeader(
  reader: ByteReader,
): Promise<{ readonly bytes: Uint8Array; readonly hasChecksum: boolean }> {
  const start = await reader.take(5)
  if (plainHeader.subarray(0, 4).some((byte, index) => start[index] !== byte))
    throw malformed('it is no Zstandard frame')
  const flags = start[4] ?? 0
  const isSingle = (flags & 0x20) !== 0
  const sizeFlag = flags >> 6
  const window = await reader.take(isSingle ? 0 : 1)
  const dictionary = await reader.take([0, 1, 2, 4][flags & 3] ?? 0)
  const size = await reader.take(sizeFlag === 0 ? Number(isSingle) : 2 ** sizeFlag)
  const windowBytes = isSingle ? contentSize(size) : windowSize(window[0] ?? 0)
  if (windowBytes > maxArchiveWindowBytes)
    throw new XmtpError(
      'client.archive.tooLarge',
      `An archive asks for a window of ${windowBytes} bytes.`,
    )
  const bytes = Uint8Array.from([...start, ...window, ...dictionary, ...size])
  return { bytes, hasChecksum: (flags & 4) !== 0 }
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3))
  return base + (base / 8) * (descriptor & 7)
}

function contentSize(bytes: Uint8Array): number {
  const size = bytes.reduce((sum, byte, index) => sum + byte * 2 ** (8 * index), 0)
  return bytes.length === 2 ? size + 256 : size
}

/** Whatever the decoder trips over, it is the frame. */
function push(decompress: Decompress, bytes: Uint8Array, isLast: boolean): void {
  try {
    decompress.push(bytes, isLast)
  } catch (cause) {
    throw new XmtpError('client.archive.malformed', 'The archive does not inflate.', { cause })
  }
}

function malformed(why: string): XmtpError {
  return new XmtpError('client.archive.malformed', `The archive does not inflate: ${why}.`)
}
