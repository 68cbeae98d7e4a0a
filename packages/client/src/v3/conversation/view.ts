import { Consent, Conversation as Row, Progress } from '@xmtp-ts/proto/store/v1/store'
import type { Core } from '../core.ts'
import { directIdOf } from '../group/conversation-row.ts'
import { keys } from '../records/keys.ts'
import { decodeRow, scanAll } from '../records/rows.ts'
import type { ConsentState } from './enums.ts'

/** What is known of a conversation without opening its MLS state. */
export type View = {
  /** hex */
  readonly id: string
  readonly row: Row
  readonly consent: ConsentState
  /** When something was last said in it, or it began: Unix nanoseconds. */
  readonly activeAtNs: bigint
  readonly lastMessageNs: bigint
  /** The place of the last message that was read. */
  readonly cursor: bigint
}

/** The conversations with these ids that are there, by id. */
export async function readViews(
  { store }: Pick<Core, 'store'>,
  ids: readonly string[],
): Promise<ReadonlyMap<string, View>> {
  const places = ids.flatMap((id) => [
    keys.conversation(id),
    keys.progress(id),
    keys.consent('conversation', id),
  ])
  const values = places.length === 0 ? [] : await store.get(places)
  const views = new Map<string, View>()
  for (const [index, id] of ids.entries()) {
    const [row, progress, consent] = values.slice(index * 3, index * 3 + 3)
    if (row !== undefined) views.set(id, viewOf(id, { row, progress, consent }))
  }
  return views
}

export async function readView(core: Pick<Core, 'store'>, id: string): Promise<View | undefined> {
  return (await readViews(core, [id])).get(id)
}

/** All conversations of this client, sync groups too, in no order. */
export async function readAllViews({ store }: Pick<Core, 'store'>): Promise<readonly View[]> {
  const [rows, progress, consents] = await Promise.all([
    scanAll(store, keys.conversations),
    scanAll(store, keys.allProgress),
    scanAll(store, keys.consentsOf('conversation')),
  ])
  const progressOf = new Map(progress.map(({ key, value }) => [key, value]))
  const consentOf = new Map(consents.map(({ key, value }) => [key, value]))
  return rows.map(({ key, value }) => {
    const id = key.slice(keys.conversations.length)
    return viewOf(id, {
      row: value,
      progress: progressOf.get(keys.progress(id)),
      consent: consentOf.get(keys.consent('conversation', id)),
    })
  })
}

/** A direct message and its duplicates, the most recently active one first; a group alone. */
export async function readStitched(
  core: Pick<Core, 'store'>,
  view: View,
): Promise<readonly View[]> {
  const directId = directIdOf(view.row)
  if (directId === undefined) return [view]
  const views = await readDirects(core, directId)
  return views.length === 0 ? [view] : views
}

/** All duplicates of one direct message, the most recently active one first. */
export async function readDirects(
  core: Pick<Core, 'store'>,
  directId: string,
): Promise<readonly View[]> {
  const prefix = keys.directs(directId)
  const ids = (await scanAll(core.store, prefix)).map(({ key }) => key.slice(prefix.length))
  return [...(await readViews(core, ids)).values()].toSorted(compareActivity)
}

/** As libxmtp chooses among duplicates: the newest message, then the larger id. */
export function compareActivity(a: View, b: View): number {
  if (a.lastMessageNs !== b.lastMessageNs) return a.lastMessageNs > b.lastMessageNs ? -1 : 1
  return a.id > b.id ? -1 : 1
}

/** 1 unknown, 2 allowed, 3 denied, as it is stored and sent. */
export function consentOfRow(value: Uint8Array | undefined): ConsentState {
  const state = value === undefined ? 1 : decodeRow(Consent, value).state
  if (state === 2) return 1
  return state === 3 ? 2 : 0
}

function viewOf(
  id: string,
  records: {
    readonly row: Uint8Array
    readonly progress: Uint8Array | undefined
    readonly consent: Uint8Array | undefined
  },
): View {
  const row = decodeRow(Row, records.row)
  const progress = records.progress && decodeRow(Progress, records.progress)
  const lastMessageNs = progress?.lastMessageNs ?? 0n
  return {
    id,
    row,
    consent: consentOfRow(records.consent),
    lastMessageNs,
    activeAtNs: lastMessageNs === 0n ? row.createdAtNs : lastMessageNs,
    cursor: progress?.cursor ?? 0n,
  }
}
