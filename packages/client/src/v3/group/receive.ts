import { contentTypes, decodeMessage, MlsError } from '@xmtp-ts/mls'
import { attempt, bytesFromHex, XmtpError } from '@xmtp-ts/protocol'
import { maxConflicts, maxLogPlace, maxMlsMessageBytes } from '../../limits.ts'
import type { GroupMessage } from '../../network/mls-api.ts'
import { forgetFailures, logFailed } from '../commit-log/local.ts'
import type { Core } from '../core.ts'
import {
  contended,
  openChange,
  setProgress,
  writeChange,
  type GroupChange,
} from './group-change.ts'
import { doubtEpoch, doubtRefused, isEpochLost, noteLostCommit } from './doubt.ts'
import { hashOf, type LoadedGroup } from './loaded-group.ts'
import { receiveOwnCommit, receiveOwnMessage } from './own.ts'
import { openExternal } from './external.ts'
import { isPaused } from './pausing.ts'
import { changeProgress } from './rewind.ts'
import { loadKnown } from './known.ts'

/** How far a page of messages was taken. */
export type Received = {
  readonly group: LoadedGroup
  /** Why it went no further: to be tried again later (`retry`), or the group is paused. */
  readonly stoppedBy: XmtpError | undefined
}

/** `again`: what is at or before the cursor is looked at once more, since something of it was missing (see `doubt`). */
type Reading = 'new' | 'again'

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
  reading: Reading = 'new',
): Promise<Received> {
  for (let tries = 0; tries < maxConflicts; tries += 1) {
    const before = await loadKnown(core, id)
    if (!isRead(core, before)) return { group: before, stoppedBy: undefined }
    const change = openChange(before)
    const stoppedBy = await takeInOrder(core, change, { messages, reading })
    const group = change.group === before ? before : await writeChange(core, change)
    // What failed may have used keys that are still wanted: it is read anew from the store.
    if (stoppedBy !== undefined) core.groups.forget(id)
    if (group !== undefined) return { group, stoppedBy }
  }
  throw contended()
}

/**
 * Reads what is new in a group from the network, until there is no more. Only within a turn of the group.
 * @throws XmtpError what the network or the store throws, or what stopped the group if that is to be tried again
 */
export async function receiveNew(core: Core, id: string): Promise<LoadedGroup> {
  let group = await loadKnown(core, id)
  if (!isRead(core, group)) return group
  const reading = group.progress.rereads > 0 ? 'again' : 'new'
  const { cursor, doubtedFrom } = group.progress
  const from = reading === 'again' && doubtedFrom < cursor ? doubtedFrom : cursor
  const groupId = bytesFromHex(id) ?? new Uint8Array()
  for await (const page of core.mls.queryGroupMessages(groupId, from)) {
    const received = await receiveMessages(core, id, page, reading)
    group = received.group
    if (received.stoppedBy?.retry === true) throw received.stoppedBy
    if (received.stoppedBy !== undefined) return group
  }
  if (reading === 'again') group = await spendReread(core, id)
  return group
}

/**
 * What comes behind the commit that paused a group must not be taken before that commit; what comes behind our removal is not
 * for us, and a welcome says where we begin again.
 */
function isRead(core: Core, { conversation }: LoadedGroup): boolean {
  return conversation.active && !isPaused(core, conversation)
}

/** Reading again comes to an end whatever the node shows; what broke off does not count. */
async function spendReread(core: Core, id: string): Promise<LoadedGroup> {
  return changeProgress(core, id, (change) => {
    const { rereads } = change.group.progress
    if (rereads > 0) setProgress(change, { rereads: rereads - 1 })
  })
}

async function takeInOrder(
  core: Core,
  change: GroupChange,
  { messages, reading }: { readonly messages: readonly GroupMessage[]; readonly reading: Reading },
): Promise<XmtpError | undefined> {
  for (const message of messages) {
    if (message.id <= change.group.progress.cursor && reading === 'new') continue
    if (message.id > maxLogPlace) {
      refuseFalsePlace(core, change, message)
      continue
    }
    if (!change.group.conversation.active) break
    const isNew = message.id > change.group.progress.cursor
    try {
      const { epoch } = change.group.mls.context
      const paused = await takeOne(core, change, message)
      if (paused !== undefined) return paused
      if (!isNew && change.group.mls.context.epoch > epoch)
        await forgetFailures(core, change, message.id)
    } catch (error) {
      const known = asXmtpError(error)
      if (known.retry || known.code.startsWith('client.store.')) return known
      if (isNew) await refuse(core, change, { message, error, known })
    }
    if (isNew) setProgress(change, { cursor: message.id })
  }
  return undefined
}

/** It is not passed, since it may come again in its true place. */
function refuseFalsePlace(core: Core, change: GroupChange, { id }: GroupMessage): void {
  doubtEpoch(change)
  const error = new XmtpError('client.message.falsePlace', `${id} is no place in a log.`)
  core.onRefused({ conversationId: change.group.id, sequenceId: id, error })
}

async function refuse(
  core: Core,
  change: GroupChange,
  {
    message,
    error,
    known,
  }: { readonly message: GroupMessage; readonly error: unknown; readonly known: XmtpError },
): Promise<void> {
  await logFailed(core, change, message, known)
  if (isRoutine(error)) return
  doubtRefused(change, message.id, error)
  core.onRefused({ conversationId: change.group.id, sequenceId: message.id, error: known })
}

async function takeOne(
  core: Core,
  change: GroupChange,
  message: GroupMessage,
): Promise<XmtpError | undefined> {
  const { group } = change
  const { length } = message.data
  if (length > maxMlsMessageBytes)
    throw new XmtpError('bytes.tooLong', `A message has ${length} bytes.`)
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
  return takeExternal(core, change, message)
}

async function takeExternal(
  core: Core,
  change: GroupChange,
  message: GroupMessage,
): Promise<XmtpError | undefined> {
  const isCommit = isCommitOf(change.group, message.data)
  if (isCommit && isEpochLost(change)) throw ownCommitLost(change)
  try {
    return await openExternal(core, change, message)
  } catch (error) {
    if (!isCommit || !(error instanceof MlsError) || error.code !== 'message.fromSelf') throw error
    noteLostCommit(change)
    throw ownCommitLost(change)
  }
}

/** Whether it says that it is a commit of the epoch of now; anybody can say so. */
function isCommitOf({ mls }: LoadedGroup, data: Uint8Array): boolean {
  const decoded = attempt(() => decodeMessage(data, mls.config.wire))
  if (!decoded.ok || decoded.value.kind !== 'privateMessage') return false
  const { contentType, epoch } = decoded.value.message
  return contentType === contentTypes.commit && epoch === mls.context.epoch
}

function ownCommitLost({ group }: GroupChange): XmtpError {
  return new XmtpError(
    'client.group.ownCommitLost',
    `What our own commit of epoch ${group.mls.context.epoch} led to is not in the store.`,
  )
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
