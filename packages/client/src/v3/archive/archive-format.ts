import { BackupElement, type BackupMetadataSave } from '@xmtp-ts/proto/device_sync/device_sync'
import { aes256GcmOpen, aes256GcmSeal, attempt, XmtpError, type Random } from '@xmtp-ts/protocol'
import { maxArchiveElementBytes } from '../../limits.ts'
import { readBytes, type ByteReader } from './byte-reader.ts'
import { storeZstd, unzstd } from './zstd.ts'

/** One thing in an archive. */
export type ArchiveElement = NonNullable<BackupElement['element']>

/** An archive whose first element, the metadata, has been opened. */
export type OpenedArchive = {
  readonly version: number
  readonly metadata: BackupMetadataSave
  /**
   * The rest in its order; kinds that are not known are passed.
   * @throws XmtpError `client.archive.malformed`, `client.archive.tooLarge`
   */
  readonly elements: AsyncIterable<ArchiveElement>
}

const version = 0
const nonceBytes = 12
const tagBytes = 16
const aad = new Uint8Array()

/**
 * An archive (v3-mls §6.6): version, nonce, and a Zstandard frame of elements that are sealed one by one, under a nonce
 * that counts up. That it has an end is not sealed: who keeps an archive could leave out elements at the end, or a whole
 * one, but change none.
 * @param elements without metadata
 * @param key 32 bytes; the nonce is random
 */
export async function* sealArchive(
  elements: AsyncIterable<ArchiveElement>,
  options: {
    readonly metadata: BackupMetadataSave
    readonly key: Uint8Array
    readonly random: Random
  },
): AsyncGenerator<Uint8Array> {
  const { metadata, key, random } = options
  const nonce = random(nonceBytes)
  yield Uint8Array.of(version, version >> 8)
  yield Uint8Array.from(nonce)
  yield* storeZstd(sealElements())

  async function* sealElements() {
    yield sealElement({ $case: 'metadata', value: metadata }, { key, nonce, aad })
    for await (const element of elements) {
      step(nonce, 1)
      yield sealElement(element, { key, nonce, aad })
    }
  }
}

function sealElement(
  element: ArchiveElement,
  options: { readonly key: Uint8Array; readonly nonce: Uint8Array; readonly aad: Uint8Array },
): Uint8Array {
  const sealed = aes256GcmSeal(BackupElement.encode({ element }).finish(), options)
  const bytes = new Uint8Array(4 + sealed.length)
  new DataView(bytes.buffer).setUint32(0, sealed.length, true)
  bytes.set(sealed, 4)
  return bytes
}

/**
 * Opens an archive as far as its metadata; the elements are read as they are asked for, and never more than one is held.
 * @param key 32 bytes
 * @throws XmtpError `client.archive.malformed`, `client.archive.newer`, `client.archive.wrongKey`
 */
export async function openArchive(
  pieces: AsyncIterable<Uint8Array>,
  key: Uint8Array,
): Promise<OpenedArchive> {
  const whole = readBytes(pieces)
  const [low = 0, high = 0] = await whole.take(2)
  const found = low | (high << 8)
  if (found > version)
    throw new XmtpError('client.archive.newer', `The archive is of version ${found}.`)
  const nonce = await whole.take(nonceBytes)
  const inflated = readBytes(unzstd(remaining(whole)))
  const first = await openElement(inflated, { key, nonce }).catch((error: unknown) => {
    if (error instanceof XmtpError && error.code === 'ciphertext.undecryptable')
      throw new XmtpError('client.archive.wrongKey', 'The archive does not open with this key.')
    throw error
  })
  if (first?.$case !== 'metadata') throw malformed('It does not begin with metadata.')
  return { version: found, metadata: first.value, elements: readElements(inflated, { key, nonce }) }
}

async function* readElements(
  reader: ByteReader,
  opening: { readonly key: Uint8Array; readonly nonce: Uint8Array },
): AsyncGenerator<ArchiveElement> {
  try {
    while (!(await reader.isAtEnd())) {
      const element = await openElement(reader, opening)
      if (element !== undefined) yield element
    }
  } catch (error) {
    if (error instanceof XmtpError && error.code === 'ciphertext.undecryptable')
      throw malformed('An element was changed.')
    throw error
  }
}

/** Opens the next element, and lets the nonce go on to the one after it. */
async function openElement(
  reader: ByteReader,
  { key, nonce }: { readonly key: Uint8Array; readonly nonce: Uint8Array },
): Promise<ArchiveElement | undefined> {
  const length = await reader.take(4)
  const sizeBytes = new DataView(length.buffer).getUint32(0, true)
  if (sizeBytes < tagBytes) throw malformed(`An element has ${sizeBytes} bytes.`)
  if (sizeBytes > maxArchiveElementBytes)
    throw new XmtpError('client.archive.tooLarge', `An element has ${sizeBytes} bytes.`)
  const sealed = await reader.take(sizeBytes)
  let opened = attempt(() => aes256GcmOpen(sealed, { key, nonce, aad }))
  if (!opened.ok) {
    // Older libxmtp used a nonce twice; 1.10 still reads its archives (xmtp_archive, importer.rs).
    step(nonce, -1)
    opened = attempt(() => aes256GcmOpen(sealed, { key, nonce, aad }))
  }
  if (!opened.ok) throw opened.error
  step(nonce, 1)
  return decodeElement(opened.value)
}

function decodeElement(bytes: Uint8Array): ArchiveElement | undefined {
  try {
    return BackupElement.decode(bytes).element
  } catch (cause) {
    throw new XmtpError('client.archive.malformed', 'An element does not decode.', { cause })
  }
}

/** Counts as a little-endian number that wraps around. */
function step(nonce: Uint8Array, by: 1 | -1): void {
  const overflow = by === 1 ? 0 : 255
  for (let index = 0; index < nonce.length; index += 1) {
    nonce[index] = (nonce[index] ?? 0) + by
    if (nonce[index] !== overflow) return
  }
}

async function* remaining(reader: ByteReader): AsyncGenerator<Uint8Array> {
  while (!(await reader.isAtEnd())) yield await reader.some()
}

function malformed(why: string): XmtpError {
  return new XmtpError('client.archive.malformed', why)
}
