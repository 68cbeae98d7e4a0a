import { Conversation, Progress } from '@xmtp-ts/proto/store/v1/store'
import { bytesToHex } from '@xmtp-ts/protocol'
import { catchUpMessages, catchUpQuietMs, maxInflowBytes, maxParallelGroups } from '../../limits.ts'
import { inParallel } from '../../network/chunks.ts'
import type { GroupFilter, GroupMessage } from '../../network/mls-api.ts'
import { onAbort } from '../../on-abort.ts'
import type { Core } from '../core.ts'
import { keys } from '../records/keys.ts'
import { decodeRow } from '../records/rows.ts'
import { loadKnown } from './known.ts'
import { receiveMessages } from './receive.ts'

/** A group as it was when its messages were asked for. */
type Followed = { readonly filter: GroupFilter; readonly welcomeId: bigint }

/**
 * Reads what is new in many groups with one call: a subscription shows what is stored before what comes, and is left when
 * the newest message of each group is in.
 * @param ends groups by id, with the place of the newest message that the node has of each
 * @returns those that did not come so far, since the connection broke, fell silent, or the group cannot go on: who asks
 * for one of them alone is told why
 * @throws XmtpError `client.store.*`
 */
export async function catchUp(
  core: Core,
  ends: ReadonlyMap<string, bigint>,
): Promise<readonly string[]> {
  const followed = await readFollowed(core, [...ends.keys()])
  const behind = new Set(ends.keys())
  const controller = new AbortController()
  const stop = () => controller.abort()
  const forget = onAbort(core.signal, stop)
  try {
    const filters = [...followed.values()].map(({ filter }) => filter)
    const messages = await core.mls.subscribeGroupMessages(filters, controller.signal)
    for await (const batch of inBatches(core, messages, ends))
      await inParallel([...batch], maxParallelGroups, async ([id, waiting]) => {
        const welcomeId = followed.get(id)?.welcomeId
        const isIn = await takeIn(core, id, { waiting, welcomeId }).catch(() => false)
        if (isIn && (waiting.at(-1)?.id ?? 0n) >= (ends.get(id) ?? 0n)) behind.delete(id)
      })
  } catch {
    // What did not come is asked for group by group.
  } finally {
    forget()
    stop()
  }
  return [...behind]
}

async function readFollowed(
  { store }: Core,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Followed>> {
  const values = await store.get(ids.flatMap((id) => [keys.conversation(id), keys.progress(id)]))
  const followed = new Map<string, Followed>()
  for (const [index, id] of ids.entries()) {
    const [row, progress] = [values[2 * index], values[2 * index + 1]]
    if (row === undefined || progress === undefined) continue
    const { groupId, welcomeId } = decodeRow(Conversation, row)
    const { cursor } = decodeRow(Progress, progress)
    followed.set(id, { filter: { groupId, afterId: cursor }, welcomeId })
  }
  return followed
}

type Batch = ReadonlyMap<string, readonly GroupMessage[]>

/** What comes, some at a time, each group's in order, until every group has come to its end or nothing comes any more. */
async function* inBatches(
  core: Core,
  messages: AsyncIterable<GroupMessage>,
  ends: ReadonlyMap<string, bigint>,
): AsyncGenerator<Batch, void> {
  const open = new Set(ends.keys())
  let batch = new Map<string, GroupMessage[]>()
  let count = 0
  let sizeBytes = 0
  const iterator = messages[Symbol.asyncIterator]()
  while (open.size > 0) {
    const next = await orQuiet(core, iterator.next())
    if (next === undefined || next.done === true) break
    const id = bytesToHex(next.value.groupId)
    batch.set(id, [...(batch.get(id) ?? []), next.value])
    if (next.value.id >= (ends.get(id) ?? 0n)) open.delete(id)
    count += 1
    sizeBytes += next.value.data.length
    if (count < catchUpMessages && sizeBytes < maxInflowBytes) continue
    yield batch
    batch = new Map()
    count = 0
    sizeBytes = 0
  }
  if (count > 0) yield batch
}

/** Undefined when nothing comes for some time. */
async function orQuiet<T>({ environment }: Core, next: Promise<T>): Promise<T | undefined> {
  const controller = new AbortController()
  const quiet = environment.sleep(catchUpQuietMs, controller.signal).then(() => undefined)
  try {
    return await Promise.race([next, quiet])
  } finally {
    controller.abort()
  }
}

/** @returns whether the group has taken all of them */
async function takeIn(
  core: Core,
  id: string,
  { waiting, welcomeId }: { waiting: readonly GroupMessage[]; welcomeId: bigint | undefined },
): Promise<boolean> {
  return core.groups.turn(id, async () => {
    // The first messages of another membership may be behind what was asked for.
    if ((await loadKnown(core, id)).conversation.welcomeId !== welcomeId) return false
    return (await receiveMessages(core, id, waiting)).stoppedBy === undefined
  })
}
