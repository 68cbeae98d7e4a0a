import { bytesToHex, XmtpError } from '@xmtp-ts/protocol'
import { createBackoff } from '../../stream/backoff.ts'
import type { GroupMessage } from '../../network/mls-api.ts'
import { maxInflowBytes, maxInflowMessages, rereadWaitMs } from '../../limits.ts'
import type { Core } from '../core.ts'
import { loadKnown } from '../group/known.ts'
import { receiveMessages, receiveNew } from '../group/receive.ts'

/**
 * What streams bring, on its way into the store: in order within a group, groups side by side. What comes while a group
 * is busy is taken together.
 */
export type Inflow = {
  /**
   * Resolves when there is room for more.
   * @param welcomeId by which we were in the group when it was followed. What an earlier membership brings is not taken: the
   * first messages of the new one may be behind it.
   */
  readonly take: (message: GroupMessage, welcomeId: bigint | undefined) => Promise<void>
  /** Reads a group again if something of it is doubted. */
  readonly look: (id: string) => void
}

type Waiting = { readonly message: GroupMessage; readonly welcomeId: bigint | undefined }

export function createInflow(core: Core, signal: AbortSignal): Inflow {
  const waiting = new Map<string, Waiting[]>()
  /** Groups that are read from the network until they can go on; `missed`: what came meanwhile is read there, too. */
  const catchingUp = new Map<string, { missed: boolean }>()
  /** Groups that could not catch up: what comes next is not taken before what is missing. */
  const stuck = new Set<string>()
  /** Groups that are read again, and what ends the pause between two times. */
  const rereading = new Map<string, () => void>()
  let count = 0
  let sizeBytes = 0
  /** Connections that are not read while too much waits. */
  const held: (() => void)[] = []

  const release = (messages: readonly Waiting[]) => {
    count -= messages.length
    for (const { message } of messages) sizeBytes -= message.data.length
    for (const go of held.splice(0)) go()
  }

  const drain = async (id: string) => {
    for (;;) {
      const messages = waiting.get(id) ?? []
      if (messages.length === 0 || signal.aborted) break
      waiting.set(id, [])
      const isDone = !stuck.has(id) && (await takeIn(core, id, messages))
      release(messages)
      if (isDone) continue
      const mark = { missed: true }
      catchingUp.set(id, mark)
      release(waiting.get(id) ?? [])
      waiting.set(id, [])
      if (await catchUp(core, id, { mark, signal })) stuck.delete(id)
      else stuck.add(id)
      catchingUp.delete(id)
    }
    waiting.delete(id)
    void reread(id)
  }

  /** What is doubted is looked at again, at once and then some times more; what comes meanwhile does not wait. */
  const reread = async (id: string) => {
    if (rereading.has(id)) return
    rereading.set(id, () => {})
    while (!signal.aborted && (await readDoubted(core, id))) {
      const pause = new AbortController()
      const end = () => pause.abort()
      rereading.set(id, end)
      signal.addEventListener('abort', end)
      await core.environment.sleep(rereadWaitMs, pause.signal)
      signal.removeEventListener('abort', end)
    }
    rereading.delete(id)
  }

  /** Another connection may be to a better node: there is no waiting then. */
  const look = (id: string) => {
    const endPause = rereading.get(id)
    if (endPause === undefined) void reread(id)
    else endPause()
  }

  const room = async () => {
    const isFull = count >= maxInflowMessages || sizeBytes >= maxInflowBytes
    if (!isFull || signal.aborted) return
    await new Promise<void>((resolve) => {
      const go = () => {
        signal.removeEventListener('abort', go)
        resolve()
      }
      held.push(go)
      signal.addEventListener('abort', go)
    })
  }

  return {
    look,
    async take(message, welcomeId) {
      const id = bytesToHex(message.groupId)
      const behind = catchingUp.get(id)
      if (behind !== undefined) {
        behind.missed = true
        return
      }
      count += 1
      sizeBytes += message.data.length
      const queue = waiting.get(id)
      if (queue !== undefined) queue.push({ message, welcomeId })
      else {
        waiting.set(id, [{ message, welcomeId }])
        void drain(id)
      }
      await room()
    },
  }
}

/** @returns whether the group can take what comes next; if not, nothing may be taken before what stopped it */
async function takeIn(core: Core, id: string, messages: readonly Waiting[]): Promise<boolean> {
  try {
    const stoppedBy = await core.groups.turn(id, () => takeInTurn(core, id, messages))
    return stoppedBy?.retry !== true
  } catch (error) {
    core.report(error)
    return false
  }
}

/**
 * Reads a group from the network until that has gone well behind the last message that came.
 * @returns false if waiting changes nothing
 */
async function catchUp(
  core: Core,
  id: string,
  { mark, signal }: { readonly mark: { missed: boolean }; readonly signal: AbortSignal },
): Promise<boolean> {
  const backoff = createBackoff(core.environment)
  while (mark.missed && !signal.aborted) {
    await core.environment.sleep(backoff.nextWaitMs(), signal)
    if (signal.aborted) break
    mark.missed = false
    try {
      await core.groups.turn(id, () => receiveNew(core, id))
    } catch (error) {
      core.report(error)
      if (isHopeless(error)) return false
      mark.missed = true
    }
  }
  return true
}

/** @returns whether there is still something to look at again */
async function readDoubted(core: Core, id: string): Promise<boolean> {
  try {
    return await core.groups.turn(id, async () => {
      const known = await loadKnown(core, id)
      if (known.progress.rereads === 0) return false
      const { progress } = await receiveNew(core, id)
      return progress.rereads > 0
    })
  } catch (error) {
    if (!(error instanceof XmtpError && error.retry)) core.report(error)
    return !isHopeless(error)
  }
}

/** Waiting changes nothing: the group, or the store, is not there any more. Its cursor stays where it is. */
function isHopeless(error: unknown): boolean {
  return (
    error instanceof XmtpError &&
    !error.retry &&
    (error.code.startsWith('client.store.') ||
      error.code === 'client.conversation.unknown' ||
      error.code === 'client.closed')
  )
}

async function takeInTurn(
  core: Core,
  id: string,
  waiting: readonly Waiting[],
): Promise<XmtpError | undefined> {
  const { conversation } = await loadKnown(core, id)
  const current = waiting.filter(({ welcomeId }) => welcomeId === conversation.welcomeId)
  const messages = current.map(({ message }) => message)
  return (await receiveMessages(core, id, messages)).stoppedBy
}
