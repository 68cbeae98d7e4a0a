import { WelcomeDoubt } from '@xmtp-ts/proto/store/v1/store'
import { maxRereads } from '../../limits.ts'
import type { StoredRecord } from '../../store/record-store.ts'
import type { Core } from '../core.ts'
import { keys } from '../records/keys.ts'
import { decodeNumber, encodeNumber, encodeRow, getRow } from '../records/rows.ts'

/** Where the welcomes are read from, and whether those at or before the cursor are looked at once more. */
export type WelcomePlaces = {
  readonly from: bigint
  readonly isAgain: boolean
}

/**
 * Welcomes that were not taken are read again a few times, as messages of groups are (see `doubt`): the node may have shown
 * them, or the logs of inboxes in them, otherwise than they are. Only within the turn of the welcomes.
 */
export async function doubtRecord(
  { store }: Pick<Core, 'store'>,
  id: bigint,
): Promise<StoredRecord> {
  const doubt = await readDoubt(store)
  const from = id - 1n
  const earliest = doubt.rereads > 0 && doubt.from < from ? doubt.from : from
  return record({ from: earliest, rereads: maxRereads })
}

/** Where to read from now on. */
export async function welcomePlaces({ store }: Pick<Core, 'store'>): Promise<WelcomePlaces> {
  const [bytes] = await store.get([keys.welcomeCursor])
  const cursor = decodeNumber(bytes)
  const { from, rereads } = await readDoubt(store)
  const isAgain = rereads > 0 && from < cursor
  return { from: isAgain ? from : cursor, isAgain }
}

/** Reading again comes to an end whatever the node shows; what broke off does not count. */
export async function spendReread({ store }: Pick<Core, 'store'>): Promise<void> {
  const { from, rereads } = await readDoubt(store)
  if (rereads > 0) await store.write({ put: [record({ from, rereads: rereads - 1 })] })
}

export async function hasDoubtedWelcomes({ store }: Pick<Core, 'store'>): Promise<boolean> {
  return (await readDoubt(store)).rereads > 0
}

/** The log of welcomes ends before the place to which it was read, which is false then. */
export async function rewindWelcomes({ store }: Pick<Core, 'store'>, end: bigint): Promise<void> {
  const [bytes] = await store.get([keys.welcomeCursor])
  if (decodeNumber(bytes) <= end) return
  const cursor = { key: keys.welcomeCursor, value: encodeNumber(end) }
  await store.write({
    expect: [{ key: keys.welcomeCursor, value: bytes }],
    put: [cursor, record({ from: 0n, rereads: maxRereads })],
  })
}

async function readDoubt(store: Core['store']): Promise<WelcomeDoubt> {
  return (await getRow(store, WelcomeDoubt, keys.welcomeDoubt)) ?? { from: 0n, rereads: 0 }
}

function record(doubt: WelcomeDoubt): StoredRecord {
  return { key: keys.welcomeDoubt, value: encodeRow(WelcomeDoubt, doubt) }
}
