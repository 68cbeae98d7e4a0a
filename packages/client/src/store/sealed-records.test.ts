import { describe, expect, it } from 'vitest'
import { openMemoryRecords, RecordMemory } from './memory-records.ts'
import { underPrefix, type RecordStore, type StoredRecord } from './record-store.ts'
import { plainRecords, sealRecords } from './sealed-records.ts'

const key = new Uint8Array(32).fill(7)
const bytes = (text: string) => new TextEncoder().encode(text)
const all = { from: '', to: '\x7f', order: 'ascending', limit: 1_000 } as const

async function filled() {
  const memory = new RecordMemory()
  const sealed = await sealRecords(openMemoryRecords(memory), key)
  await sealed.write({
    put: [
      { key: 'group/alice/name', value: bytes('secret one') },
      { key: 'group/bob/name', value: bytes('secret two') },
    ],
    append: [
      { prefix: 'message/alice/', value: bytes('hello one') },
      { prefix: 'message/alice/', value: bytes('hello two') },
    ],
  })
  const below = openMemoryRecords(memory)
  return { memory, sealed, below, records: await below.scan(all) }
}

const damaged = { code: 'client.store.damaged' }

/** That no reading of everything succeeds. */
async function expectDamaged(store: RecordStore): Promise<void> {
  await expect(store.scan(all)).rejects.toMatchObject(damaged)
}

describe('a sealed store', () => {
  it('shows tables, order and sizes below, and no name, no value', async () => {
    const { records } = await filled()
    expect(records.map(({ key }) => key.replaceAll(/[0-9a-f]{32}/g, 'HASH'))).toEqual([
      'group/HASH/HASH',
      'group/HASH/HASH',
      'message/HASH/#0000000000000001',
      'message/HASH/#0000000000000002',
    ])
    const below = records
      .map(({ key, value }) => key + Buffer.from(value).toString('latin1'))
      .join()
    for (const secret of ['alice', 'bob', 'name', 'secret', 'hello'])
      expect(below).not.toContain(secret)
    // The same name is another hash in another table.
    const hashes = records.map(({ key }) => key.split('/')[1])
    expect(new Set(hashes).size).toBe(3)
  })

  it('seals the same value differently each time', async () => {
    const { sealed, below, records } = await filled()
    await sealed.write({ put: [{ key: 'group/alice/name', value: bytes('secret one') }] })
    const again = await below.get(records.map(({ key }) => key))
    const changed = records.filter(({ value }, index) => Buffer.compare(value, again[index]!) !== 0)
    expect(changed).toHaveLength(1)
  })

  it('opens with its key again, and with no other', async () => {
    const { memory } = await filled()
    const again = await sealRecords(openMemoryRecords(memory), key)
    expect(await again.get(['group/bob/name'])).toEqual([bytes('secret two')])
    const other = new Uint8Array(32).fill(8)
    await expect(sealRecords(openMemoryRecords(memory), other)).rejects.toMatchObject({
      code: 'client.store.wrongKey',
    })
    await expect(plainRecords(openMemoryRecords(memory))).rejects.toMatchObject({
      code: 'client.store.encrypted',
    })
    await expect(sealRecords(openMemoryRecords(), key.subarray(1))).rejects.toThrow(RangeError)
  })

  it.each([
    ['that said so', async (store: RecordStore) => plainRecords(store)],
    [
      'in use',
      async (store: RecordStore) => store.write({ put: [{ key: 't/a', value: bytes('x') }] }),
    ],
  ])('is not made of a plain one %s', async (_, prepare) => {
    const memory = new RecordMemory()
    await prepare(openMemoryRecords(memory))
    await expect(sealRecords(openMemoryRecords(memory), key)).rejects.toMatchObject({
      code: 'client.store.notEncrypted',
    })
    await plainRecords(openMemoryRecords(memory))
  })

  it('is made once, whoever of several is first', async () => {
    const memory = new RecordMemory()
    const other = new Uint8Array(32).fill(8)
    const opened = await Promise.allSettled([
      sealRecords(openMemoryRecords(memory), key),
      sealRecords(openMemoryRecords(memory), other),
      plainRecords(openMemoryRecords(memory)),
    ])
    expect(opened.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected'])
  })

  it('notices every changed byte, and records cut short', async () => {
    const { sealed, below, records } = await filled()
    const { key, value } = records[2]!
    for (let at = 0; at < value.length; at += 1) {
      const changed = Uint8Array.from(value, (byte, index) => (index === at ? byte ^ 1 : byte))
      await below.write({ put: [{ key, value: changed }] })
      await expectDamaged(sealed)
      await expect(sealed.get(['message/alice/#0000000000000001'])).rejects.toMatchObject(damaged)
    }
    for (const length of [0, 1, 12, 29, value.length - 1]) {
      await below.write({ put: [{ key, value: value.subarray(0, length) }] })
      await expectDamaged(sealed)
    }
  })

  it('notices records that were swapped or copied to another place', async () => {
    const { sealed, below, records } = await filled()
    const [one, two, three, four] = records as [
      StoredRecord,
      StoredRecord,
      StoredRecord,
      StoredRecord,
    ]
    const swapped = [
      { key: one.key, value: two.value },
      { key: two.key, value: one.value },
    ]
    await below.write({ put: swapped })
    await expectDamaged(sealed)
    await below.write({ put: [one, two, { key: four.key, value: three.value }] })
    await expectDamaged(sealed)
    await below.write({ put: [four, { key: `${one.key}x`, value: one.value }] })
    await expectDamaged(sealed)
    await below.write({ remove: [`${one.key}x`] })
    expect(await sealed.scan(all)).toHaveLength(4)
  })

  it('reads a page of ordered records without reading the rest', async () => {
    const { sealed, below, records } = await filled()
    // The second of them is broken: only who comes to it notices.
    await below.write({ put: [{ key: records[3]!.key, value: new Uint8Array(40) }] })
    const page = await sealed.scan({
      ...underPrefix('message/alice/'),
      order: 'ascending',
      limit: 1,
    })
    expect(page.map(({ value }) => value)).toEqual([bytes('hello one')])
  })

  it("leaves the stores' own keys alone", async () => {
    const { sealed } = await filled()
    await expect(sealed.get(['!sealed'])).rejects.toThrow(RangeError)
    await expect(sealed.write({ remove: ['!sealed'] })).rejects.toThrow(RangeError)
  })
})
