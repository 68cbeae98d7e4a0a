import { loadGroup, type GroupState, type StagedCommit } from '@xmtp-ts/mls'
import {
  Conversation,
  PendingCommit,
  PendingMessage,
  Progress,
} from '@xmtp-ts/proto/store/v1/store'
import { bytesToHex, sha256, XmtpError } from '@xmtp-ts/protocol'
import { groupConfig } from '@xmtp-ts/protocol/group'
import type { RecordStore } from '../../store/record-store.ts'
import type { Self } from '../self.ts'
import { keys } from '../records/keys.ts'
import { decodeRow, scanAll } from '../records/rows.ts'

/** A commit of our own on its way, and the state that it leads to. */
export type OwnCommit = {
  readonly row: PendingCommit
  /** SHA-256 of its payload, hex */
  readonly hash: string
  readonly staged: Pick<StagedCommit, 'groupContext' | 'removesSelf' | 'next'>
  /** Where the records of that state are kept. */
  readonly recordKeys: readonly string[]
}

/** A message of our own on its way. */
export type OwnMessage = { readonly key: string; readonly row: PendingMessage }

/** Everything about one group, as it is in the store. A value: a turn makes a new one and keeps it when it is written. */
export type LoadedGroup = {
  /** hex */
  readonly id: string
  readonly mls: GroupState
  readonly conversation: Conversation
  readonly progress: Progress
  /** Of the group's records in the store; whoever writes expects it to be the same. */
  readonly revision: Uint8Array
  readonly pendingCommit: OwnCommit | undefined
  /** The hash of the last commit of our own that became the state of the group, since the group was read. */
  readonly adoptedCommit: string | undefined
  /** In the order in which they were sent. */
  readonly pendingMessages: readonly OwnMessage[]
}

export function hashOf(payload: Uint8Array): string {
  return bytesToHex(sha256(payload))
}

/**
 * Reads a group from the store.
 * @returns undefined if it is not there
 * @throws XmtpError `client.store.damaged`
 */
export async function readGroup(
  store: RecordStore,
  self: Pick<Self, 'signingKey'>,
  id: string,
): Promise<LoadedGroup | undefined> {
  const [[revision, conversation, progress, pending], records, messages] = await Promise.all([
    store.get([
      keys.revision(id),
      keys.conversation(id),
      keys.progress(id),
      keys.pendingCommit(id),
    ]),
    readMlsRecords(store, keys.mlsRecords(id)),
    scanAll(store, keys.pendingMessages(id)),
  ])
  if (revision === undefined || conversation === undefined || progress === undefined)
    return undefined
  const pendingMessages = messages.map(({ key, value }) => ({
    key,
    row: decodeRow(PendingMessage, value),
  }))
  return {
    id,
    mls: openRecords(records, self),
    conversation: decodeRow(Conversation, conversation),
    progress: decodeRow(Progress, progress),
    revision,
    pendingCommit: pending && (await readOwnCommit({ store, self, id, records, bytes: pending })),
    adoptedCommit: undefined,
    pendingMessages,
  }
}

/** Another process may have written between the reads: then they do not belong together and are read again. */
export async function readGroupSteadily(
  store: RecordStore,
  self: Pick<Self, 'signingKey'>,
  id: string,
): Promise<LoadedGroup | undefined> {
  for (;;) {
    const revisionBefore = await currentRevision(store, id)
    const group = await readGroup(store, self, id).catch(async (error: unknown) => {
      if (sameRevision(revisionBefore, await currentRevision(store, id))) throw error
      return 'changed' as const
    })
    if (group !== 'changed' && sameRevision(revisionBefore, await currentRevision(store, id)))
      return group
  }
}

export async function currentRevision(
  store: RecordStore,
  id: string,
): Promise<Uint8Array | undefined> {
  const [revision] = await store.get([keys.revision(id)])
  return revision
}

export function sameRevision(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && bytesToHex(a) === bytesToHex(b))
}

type MlsRecords = Map<string, Uint8Array>

async function readMlsRecords(store: RecordStore, prefix: string): Promise<MlsRecords> {
  const found = await scanAll(store, prefix)
  return new Map(found.map(({ key, value }) => [key.slice(prefix.length), value]))
}

function openRecords(records: MlsRecords, { signingKey }: Pick<Self, 'signingKey'>): GroupState {
  try {
    return loadGroup(
      { get: (key) => records.get(key) },
      { signaturePrivateKey: signingKey, config: groupConfig },
    )
  } catch (cause) {
    throw new XmtpError('client.store.damaged', 'The records of a group do not fit.', { cause })
  }
}

/** The state that the commit leads to: its records over those of now. */
async function readOwnCommit(options: {
  readonly store: RecordStore
  readonly self: Pick<Self, 'signingKey'>
  readonly id: string
  readonly records: MlsRecords
  readonly bytes: Uint8Array
}): Promise<OwnCommit> {
  const { store, self, id, records, bytes } = options
  const row = decodeRow(PendingCommit, bytes)
  const prefix = keys.pendingMlsRecords(id)
  const changed = await readMlsRecords(store, prefix)
  const next = openRecords(new Map([...records, ...changed]), self)
  return {
    row,
    hash: hashOf(row.payload),
    staged: { groupContext: next.context, removesSelf: false, next },
    recordKeys: [...changed.keys()].map((key) => prefix + key),
  }
}
