import { changesSince, findExtension, retire, type Extension, type GroupState } from '@xmtp-ts/mls'
import {
  Conversation,
  Delivered,
  Message,
  PendingCommit,
  PendingMessage,
  Progress,
} from '@xmtp-ts/proto/store/v1/store'
import { bytesToHex, XmtpError } from '@xmtp-ts/protocol'
import { groupExtensionTypes } from '@xmtp-ts/protocol/group'
import type { AppendedRecord, Expectation, RecordBatch } from '../../store/record-store.ts'
import type { Core } from '../core.ts'
import { keys } from '../records/keys.ts'
import { decodeNumber, encodeNumber, encodeRow } from '../records/rows.ts'
import type { SignalName } from '../signals.ts'
import type { LoadedGroup, OwnCommit, OwnMessage } from './loaded-group.ts'
import { referenceRecord } from './reference.ts'

/**
 * What one turn does to a group: the group as it will be, and records beside it. Nothing counts before `writeChange`
 * has written all of it in one transaction.
 */
export type GroupChange = {
  readonly before: LoadedGroup
  group: LoadedGroup
  readonly put: Map<string, Uint8Array>
  readonly remove: Set<string>
  readonly append: AppendedRecord[]
  /** Records that the change relies on and that do not belong to the group. */
  readonly expect: Expectation[]
  readonly signals: Set<SignalName>
  /** The states that were gone through: their secrets are wiped when the last one is stored. */
  readonly passed: GroupState[]
}

export function openChange(before: LoadedGroup): GroupChange {
  return {
    before,
    group: before,
    put: new Map(),
    remove: new Set(),
    append: [],
    expect: [],
    signals: new Set(),
    passed: [before.mls],
  }
}

export function putRecord(change: GroupChange, key: string, value: Uint8Array): void {
  change.remove.delete(key)
  change.put.set(key, value)
}

export function removeRecord(change: GroupChange, key: string): void {
  change.put.delete(key)
  change.remove.add(key)
}

/** The group goes on in another MLS state. */
export function setMls(change: GroupChange, mls: GroupState): void {
  change.passed.push(mls)
  change.group = { ...change.group, mls }
}

export function setConversation(change: GroupChange, fields: Partial<Conversation>): void {
  const conversation = { ...change.group.conversation, ...fields }
  change.group = { ...change.group, conversation }
}

export function setProgress(change: GroupChange, fields: Partial<Progress>): void {
  const progress = { ...change.group.progress, ...fields }
  change.group = { ...change.group, progress }
}

/** The new message is read by streams, in the order in which messages are delivered. */
export function deliver(change: GroupChange, message: Message): void {
  const row = { groupId: message.groupId, messageId: message.id }
  change.append.push({ prefix: keys.delivered, value: encodeRow(Delivered, row) })
  change.signals.add('delivered')
}

export function putMessage(change: GroupChange, message: Message): void {
  const id = bytesToHex(message.id)
  const key = keys.message(change.group.id, message.sentAtNs, id)
  putRecord(change, key, encodeRow(Message, message))
  putRecord(change, keys.messageKey(id), new TextEncoder().encode(key))
  if (message.expiresAtNs > 0n)
    putRecord(change, keys.expiry(message.expiresAtNs, id), new Uint8Array())
  const reference = referenceRecord(change.group.id, message, key)
  if (reference !== undefined) putRecord(change, reference.key, reference.value)
  const { lastMessageNs } = change.group.progress
  if (message.sentAtNs > lastMessageNs) setProgress(change, { lastMessageNs: message.sentAtNs })
}

/** Keeps a commit that is about to be sent, with the records of the state that it leads to. */
export function putPendingCommit(
  change: GroupChange,
  commit: Omit<OwnCommit, 'recordKeys'>,
  records: ReadonlyMap<string, Uint8Array>,
): void {
  const { id } = change.group
  putRecord(change, keys.pendingCommit(id), encodeRow(PendingCommit, commit.row))
  const recordKeys = [...records.keys()].map((key) => keys.pendingMlsRecords(id) + key)
  for (const [key, value] of records) putRecord(change, keys.pendingMlsRecords(id) + key, value)
  change.group = { ...change.group, pendingCommit: { ...commit, recordKeys } }
}

/** The commit of our own has become the state of the group, or has lost its epoch. */
export function removePendingCommit(change: GroupChange): void {
  const { id, pendingCommit } = change.group
  if (pendingCommit === undefined) return
  removeRecord(change, keys.pendingCommit(id))
  for (const key of pendingCommit.recordKeys) removeRecord(change, key)
  change.group = { ...change.group, pendingCommit: undefined }
}

export function putPendingMessage(change: GroupChange, message: OwnMessage): void {
  putRecord(change, message.key, encodeRow(PendingMessage, message.row))
  const others = change.group.pendingMessages.filter(({ key }) => key !== message.key)
  const pendingMessages = [...others, message].toSorted((a, b) => (a.key < b.key ? -1 : 1))
  change.group = { ...change.group, pendingMessages }
}

export function removePendingMessage(change: GroupChange, message: OwnMessage): void {
  removeRecord(change, message.key)
  const pendingMessages = change.group.pendingMessages.filter(({ key }) => key !== message.key)
  change.group = { ...change.group, pendingMessages }
}

/** What lists show of a group without opening its MLS state. */
export function describeState(
  state: GroupState,
): Pick<Conversation, 'mutableMetadata' | 'policies' | 'members' | 'epoch'> {
  const { extensions, epoch } = state.context
  return {
    mutableMetadata: dataOf(extensions, groupExtensionTypes.mutableMetadata),
    policies: dataOf(extensions, groupExtensionTypes.permissions),
    members: dataOf(extensions, groupExtensionTypes.membership),
    epoch,
  }
}

function dataOf(extensions: readonly Extension[], type: number): Uint8Array {
  return findExtension(extensions, type) ?? new Uint8Array()
}

/**
 * Writes a change in one transaction.
 * @returns the group as it is now, or undefined if another process was faster: then nothing was written
 */
export async function writeChange(
  core: Core,
  change: GroupChange,
): Promise<LoadedGroup | undefined> {
  const { before } = change
  const revision = encodeNumber(decodeNumber(before.revision) + 1n)
  const group = { ...change.group, revision }
  const { store } = core
  const written = await store.write(batchOf(change, revision))
  if (written === undefined) {
    core.groups.forget(before.id)
    return undefined
  }
  wipe(change.passed)
  core.groups.keep(group)
  for (const name of change.signals) core.signals.raise(name)
  return group
}

/** What is said after `maxConflicts` tries. */
export function contended(): XmtpError {
  return new XmtpError('client.store.busy', 'Another process keeps changing this group.')
}

function batchOf(change: GroupChange, revision: Uint8Array): RecordBatch {
  const { before, group } = change
  const { id } = group
  const put = new Map(change.put)
  const remove = new Set(change.remove)
  const records = changesSince(before.mls, group.mls)
  for (const [key, value] of records.put) put.set(keys.mlsRecords(id) + key, value)
  for (const key of records.remove) remove.add(keys.mlsRecords(id) + key)
  if (group.conversation !== before.conversation)
    put.set(keys.conversation(id), encodeRow(Conversation, group.conversation))
  if (group.progress !== before.progress)
    put.set(keys.progress(id), encodeRow(Progress, group.progress))
  put.set(keys.revision(id), revision)
  return {
    expect: [{ key: keys.revision(id), value: before.revision }, ...change.expect],
    put: [...put].map(([key, value]) => ({ key, value })),
    remove: [...remove].filter((key) => !put.has(key)),
    append: change.append,
  }
}

function wipe(passed: readonly GroupState[]): void {
  for (const [index, state] of passed.entries()) {
    const next = passed[index + 1]
    if (next !== undefined) retire(state, next)
  }
}
