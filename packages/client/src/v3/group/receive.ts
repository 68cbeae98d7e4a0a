import { MlsError } from '@xmtp-ts/mls'
import { bytesFromHex, XmtpError } from '@xmtp-ts/protocol'
import { maxConflicts } from '../../limits.ts'
import type { GroupMessage } from '../../network/mls-api.ts'
import { logFailed } from '../commit-log/local.ts'
import type { Core } from '../core.ts'
import {
  contended,
  openChange,
  setProgress,
  writeChange,
  type GroupChange,
} from './group-change.ts'
import { hashOf, type LoadedGroup } from './loaded-group.ts'
import { receiveOwnCommit, receiveOwnMessage } from './own.ts'
import { openExternal } from './external.ts'
import { isPaused } from './pausing.ts'

/** How far a page of messages was taken. */
export type Received = {
  readonly group: LoadedGroup
  /** Why it went no further: to be tried again later (`retry`), or the group is paused. */
  readonly stoppedBy: XmtpError | undefined
}

/**
 * Takes messages of one group in the order of its log, each once: what is at or before the cursor is passed. A message that
 * is not taken is reported and passed; only what may go well later stops the group. State, cursor and messages are
 * written in one transaction. Only within a turn of the group.
 * @throws XmtpError `client.conversation.unknown`, `client.store.*`
 */
export async function receiveMessages(
  core: Core,
  id: string,
  messages: readonly GroupMessage[],
): Promise<Received> {
  for (let tries = 0; tries < maxConflicts; tries += 1) {
    const before = await loadKnown(core, id)
    // What comes behind the commit that paused it must not be taken before that commit.
    if (isPaused(core, before.conversation)) return { group: before, stoppedBy: undefined }
    const change = openChange(before)
    const stoppedBy = await takeInOrder(core, change, messages)
    const group = change.group === before ? before : await writeChange(core, change)
    // What failed may have used keys that are still wanted: it is read anew from the store.
    if (stoppedBy !== undefined) core.groups.forget(id)
    if (group !== undefined) return { group, stoppedBy }
  }
  throw contended()
}

/** @throws XmtpError `client.conversation.unknown` */
export async function loadKnown(core: Core, id: string): Promise<LoadedGroup> {
  const group = await core.groups.load(id)
  if (group === undefined)
    throw new XmtpError('client.conversation.unknown', `There is no conversation ${id}.`)
  return group
}

/**
 * Reads what is new in a group from the network, until there is no more. Only within a turn of the group.
 * @throws XmtpError what the network or the store throws, or what stopped the group if that is to be tried again
 */
export async function receiveNew(core: Core, id: string): Promise<LoadedGroup> {
  let group = await loadKnown(core, id)
  if (isPaused(core, group.conversation)) return group
  const groupId = bytesFromHex(id) ?? new Uint8Array()
  for await (const page of core.mls.queryGroupMessages(groupId, group.progress.cursor)) {
    const received = await receiveMessages(core, id, page)
    group = received.group
    if (received.stoppedBy?.retry === true) throw received.stoppedBy
    if (received.stoppedBy !== undefined) return group
  }
  return group
}

async function takeInOrder(
  core: Core,
  change: GroupChange,
  messages: readonly GroupMessage[],
): Promise<XmtpError | undefined> {
  for (const message of messages) {
    if (message.id <= change.group.progress.cursor) continue
    try {
      const paused = await takeOne(core, change, message)
      if (paused !== undefined) return paused
    } catch (error) {
      const known = asXmtpError(error)
      if (known.retry || known.code.startsWith('client.store.')) return known
      await logFailed(core, change, message, known)
      if (!isRoutine(error))
        core.onRefused({
          conversationId: change.group.id,
          sequenceId: message.id,
          error: known,
        })
    }
    setProgress(change, { cursor: message.id })
  }
  return undefined
}

async function takeOne(
  core: Core,
  change: GroupChange,
  message: GroupMessage,
): Promise<XmtpError | undefined> {
  const { group } = change
  const hash = hashOf(message.data)
  if (group.pendingCommit?.hash === hash) {
    receiveOwnCommit(core, change, message)
    return undefined
  }
  const own = group.pendingMessages.find(
    ({ row }) => row.payload.length > 0 && hashOf(row.payload) === hash,
  )
  if (own !== undefined) {
    await receiveOwnMessage(core, change, own, message)
    return undefined
  }
  return openExternal(core, change, message)
}

/** What every race leaves behind: a commit that came too late, an own message that was confirmed before. */
function isRoutine(error: unknown): boolean {
  return (
    (error instanceof MlsError &&
      (error.code === 'message.fromSelf' || error.code === 'message.epochTooOld')) ||
    (error instanceof XmtpError && error.code === 'client.group.commitLate')
  )
}

function asXmtpError(error: unknown): XmtpError {
  if (error instanceof XmtpError) return error
  if (error instanceof MlsError)
    return new XmtpError('client.message.refused', `MLS: ${error.message}`, {
      cause: error,
      details: { mlsCode: error.code },
    })
  throw error
}
