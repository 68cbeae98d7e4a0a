import { ConsentStateSave, ConsentTypeSave } from '@xmtp-ts/proto/device_sync/consent_backup'
import {
  BackupElementSelection,
  type BackupMetadataSave,
} from '@xmtp-ts/proto/device_sync/device_sync'
import { aes256GcmSeal, concatBytes, utf8, XmtpError } from '@xmtp-ts/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { all, inPieces } from '../../../test/pieces.ts'
import { openArchive, sealArchive, type ArchiveElement } from './archive-format.ts'
import { storeZstd } from './zstd.ts'

const key = new Uint8Array(32).fill(9)
const random = (size: number) => new Uint8Array(size).fill(0xff)
const metadata: BackupMetadataSave = {
  elements: [BackupElementSelection.BACKUP_ELEMENT_SELECTION_CONSENT],
  exportedAtNs: 5n,
  startNs: undefined,
  endNs: 7n,
}
const consent = (entity: string): ArchiveElement => ({
  $case: 'consent',
  value: {
    entityType: ConsentTypeSave.CONSENT_TYPE_SAVE_INBOX_ID,
    state: ConsentStateSave.CONSENT_STATE_SAVE_DENIED,
    entity,
    consentedAtNs: 1n,
  },
})

async function* each<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values
}

const seal = (elements: readonly ArchiveElement[]) =>
  all(sealArchive(each(elements), { metadata, key, random }))

async function read(bytes: Uint8Array, size?: number): Promise<ArchiveElement[]> {
  const found: ArchiveElement[] = []
  const { elements } = await openArchive(inPieces(bytes, size), key)
  for await (const element of elements) found.push(element)
  return found
}

describe('archives', () => {
  it('come back as they were, while their nonce wraps around', async () => {
    const elements = ['a', 'b', 'c'].map(consent)
    const bytes = await seal(elements)
    const opened = await openArchive(inPieces(bytes), key)
    expect(opened).toMatchObject({ version: 0, metadata })
    for (const size of [1, 13, 10_000]) expect(await read(bytes, size)).toEqual(elements)
  })

  it('of old libxmtp, with one nonce for the metadata and what follows, are read', async () => {
    const nonce = new Uint8Array(12).fill(1)
    const sealed = (element: Uint8Array) => {
      const bytes = aes256GcmSeal(element, { key, nonce, aad: new Uint8Array() })
      return concatBytes(Uint8Array.of(bytes.length, 0, 0, 0), bytes)
    }
    const elements = concatBytes(sealed(Uint8Array.of(0x0a, 0)), sealed(Uint8Array.of(0x22, 0)))
    const archive = concatBytes(
      Uint8Array.of(0, 0),
      nonce,
      await all(storeZstd(inPieces(elements))),
    )
    expect(await read(archive)).toMatchObject([{ $case: 'consent' }])
  })

  it.each([
    ['another key', 'client.archive.wrongKey', (bytes: Uint8Array) => flipped(bytes, 40)],
    ['a changed element', 'client.archive.malformed', (bytes: Uint8Array) => flipped(bytes, -5)],
    ['a later version', 'client.archive.newer', (bytes: Uint8Array) => flipped(bytes, 1)],
    ['nothing', 'client.archive.malformed', () => new Uint8Array()],
    ['no frame', 'client.archive.malformed', () => new Uint8Array(100)],
    ['text', 'client.archive.newer', () => utf8('this is a text and nothing else')],
  ])('with %s are refused: %s', async (_, code, change) => {
    const bytes = await seal([consent('a'), consent('b')])
    await expect(read(change(bytes))).rejects.toMatchObject({ code })
  })

  it('that are cut anywhere are refused, after what was whole', async () => {
    const bytes = await seal([consent('a')])
    for (let length = 0; length < bytes.length; length += 1)
      await expect(read(bytes.subarray(0, length))).rejects.toBeInstanceOf(XmtpError)
  })

  it('with an element that claims 4 GB are refused', async () => {
    const huge = await all(storeZstd(inPieces(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1, 2))))
    const archive = concatBytes(new Uint8Array(14), huge)
    await expect(read(archive)).rejects.toMatchObject({ code: 'client.archive.tooLarge' })
  })

  it('of any bytes are refused by a code', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        await expect(read(bytes)).rejects.toBeInstanceOf(XmtpError)
      }),
    )
  })
})

function flipped(bytes: Uint8Array, place: number): Uint8Array {
  const at = place < 0 ? bytes.length + place : place
  return bytes.map((byte, index) => (index === at ? byte ^ 1 : byte))
}
