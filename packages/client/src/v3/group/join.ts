import { changesSince, members, type Joined } from '@xmtp-ts/mls'
import { Consent, Membership, Message, type Conversation } from '@xmtp-ts/proto/store/v1/store'
import { attempt, bytesToHex, type v3 } from '@xmtp-ts/protocol'
import {
  checkDirectMessage,
  compareVersions,
  minimumVersion,
  type GroupContent,
} from '@xmtp-ts/protocol/group'
import type { Expectation, StoredRecord } from '../../store/record-store.ts'
import { beginning } from '../commit-log/local.ts'
import { takeReaddRequest } from '../commit-log/readd-requests.ts'
import { withoutFork } from '../commit-log/state.ts'
import { nowNs, type Core } from '../core.ts'
import { newSyncTask } from '../device-sync/applied-sync.ts'
import { checkSyncGroup } from '../device-sync/sync-group.ts'
import { stateKey } from '../identity/directory.ts'
import { keys } from '../records/keys.ts'
import { encodeNumber, encodeRow, scanAll } from '../records/rows.ts'
import { directIdOf, isOfType, newConversationRow, type KeptType } from './conversation-row.ts'
import { conversationRecords } from './create.ts'
import { describeState } from './group-change.ts'
import { checkJoinedMembers } from './joined-members.ts'
import type { LoadedGroup } from './loaded-group.ts'
import type { OpenedGroup } from './open-group.ts'
import { replaceable } from './replace.ts'
import { isPaused } from './pausing.ts'
import { welcomeTranscript } from './welcome-transcript.ts'

/**
 * Checks the members and keeps the group (v3-mls §4.4, steps 4 to 9), together with the cursor of the welcomes.
 * @returns the id of the group if it is new to us, or new again
 * @throws XmtpError `v3.group.*`, `client.welcome.badMembers`
 */
export async function keepGroup(
  core: Core,
  opened: OpenedGroup,
  states: ReadonlyMap<string, v3.AssociationState>,
): Promise<string | undefined> {
  const { joined, content } = opened
  checkJoinedMembers(members(joined.state), content.membership, (inboxId, sequenceId) =>
    states.get(stateKey(inboxId, sequenceId)),
  )
  const { type } = content.metadata
  if (!isOfType(type)) {
    await takeReaddRequest(core, content.metadata.oneshot, opened.adder)
    return undefined
  }
  if (type === 'dm')
    checkDirectMessage(content, {
      adder: opened.adder.inboxId,
      self: core.self.inboxId,
    })
  if (type === 'sync') checkSyncGroup(core, opened)
  const id = bytesToHex(joined.state.context.groupId)
  return core.groups.turn(id, () => keepInTurn(core, id, opened, type))
}

async function keepInTurn(
  core: Core,
  id: string,
  opened: OpenedGroup,
  type: KeptType,
): Promise<string | undefined> {
  const { state } = opened.joined
  const before = await core.groups.load(id)
  const known = before && (await replaceable(core, before, opened))
  if (before !== undefined && known === undefined) return undefined
  const row = conversationRow(core, opened, { type, known: known?.conversation })
  const again = await recordsOfReturn(core, opened, known)
  const written = await core.store.write({
    expect: [{ key: keys.revision(id), value: known?.revision }, ...again.expect],
    remove: await oldRecords(core, known, state),
    put: [
      ...again.put,
      ...mlsRecords(id, state),
      ...conversationRecords(row, {
        progress: {
          cursor: opened.messageCursor,
          epochBegan: opened.messageCursor,
          lastMessageNs: known?.progress.lastMessageNs ?? 0n,
        },
        after: known?.revision,
      }),
      ...(type === 'sync'
        ? [{ key: keys.syncTask('installation', id), value: newSyncTask }]
        : transcriptRecords(core, opened)),
      ...(await consentRecords(core, row, known?.conversation)),
    ],
    append: [
      { prefix: keys.arrived, value: row.groupId },
      beginning(id, state, { kind: 'Welcome', actor: opened.adder }),
    ],
  })
  core.groups.forget(id)
  if (written === undefined) return keepInTurn(core, id, opened, type)
  core.signals.raise('conversations')
  core.signals.raise('groupsToFollow')
  core.signals.raise('deviceSync')
  return id
}

function mlsRecords(id: string, state: Joined['state']): readonly StoredRecord[] {
  return [...changesSince(undefined, state).put].map(([key, value]) => ({
    key: keys.mlsRecords(id) + key,
    value,
  }))
}

/** What is left of an earlier membership and is not written over. */
async function oldRecords(
  core: Core,
  known: LoadedGroup | undefined,
  state: Joined['state'],
): Promise<readonly string[]> {
  if (known === undefined) return []
  const prefix = keys.mlsRecords(known.id)
  const records = changesSince(undefined, state).put
  const old = await scanAll(core.store, prefix)
  const gone = old.map(({ key }) => key).filter((key) => !records.has(key.slice(prefix.length)))
  const pending = known.pendingCommit
  return pending === undefined
    ? gone
    : [...gone, keys.pendingCommit(known.id), ...pending.recordKeys]
}

function conversationRow(
  core: Core,
  { joined, content, adder, welcome }: OpenedGroup,
  { type, known }: { readonly type: KeptType; readonly known: Conversation | undefined },
): Conversation {
  const { metadata } = content
  const isOurs = metadata.creatorInboxId === core.self.inboxId || type === 'sync'
  const first = isOurs ? Membership.MEMBERSHIP_ALLOWED : Membership.MEMBERSHIP_PENDING
  return {
    ...newConversationRow({
      groupId: joined.state.context.groupId,
      type,
      metadata,
      addedByInboxId: adder.inboxId,
      // The newest of several sync groups is the one to write in: all times by one clock, as in libxmtp.
      createdAtNs: known?.createdAtNs ?? (type === 'sync' ? nowNs(core) : welcome.createdNs),
      membership: membershipAgain(known?.membership) ?? first,
    }),
    ...describeState(joined.state),
    welcomeId: welcome.id,
    pausedForVersion: versionAskedFor(core, content),
  }
}

/** A version that cannot be read asks for nothing, as libxmtp has it. */
function versionAskedFor(core: Core, { mutableMetadata }: GroupContent): string {
  const pausedForVersion = minimumVersion(mutableMetadata) ?? ''
  const isReadable = attempt(() => compareVersions(pausedForVersion, core.protocolVersion)).ok
  return isReadable && isPaused(core, { pausedForVersion }) ? pausedForVersion : ''
}

/** Who comes back is what they were; who had left is no longer about to leave. */
function membershipAgain(before: Membership | undefined): Membership | undefined {
  if (before === undefined || before === Membership.MEMBERSHIP_RESTORED) return undefined
  return before === Membership.MEMBERSHIP_PENDING_REMOVE ? Membership.MEMBERSHIP_ALLOWED : before
}

/** A fork that we were in is over; who we asked to be let in again has done it (v3-mls §7.3). */
async function recordsOfReturn(
  core: Core,
  { messageCursor }: OpenedGroup,
  known: LoadedGroup | undefined,
): Promise<{ readonly expect: readonly Expectation[]; readonly put: readonly StoredRecord[] }> {
  if (known === undefined) return { expect: [], put: [] }
  const asked = bytesToHex(core.self.installationId)
  const [log] = await core.store.get([keys.commitLog(known.id)])
  const value = log && withoutFork(log)
  return {
    expect: [{ key: keys.commitLog(known.id), value: log }],
    put: [
      { key: keys.readdAnswered(known.id, asked), value: encodeNumber(messageCursor) },
      ...(value === undefined ? [] : [{ key: keys.commitLog(known.id), value }]),
    ],
  }
}

function transcriptRecords(core: Core, opened: OpenedGroup): readonly StoredRecord[] {
  const row = welcomeTranscript(core, opened)
  const id = bytesToHex(row.id)
  const key = keys.message(bytesToHex(row.groupId), row.sentAtNs, id)
  return [
    { key, value: encodeRow(Message, row) },
    { key: keys.messageKey(id), value: new TextEncoder().encode(key) },
  ]
}

/** What we created is allowed, what we had left is to be decided anew; a direct message that we had before keeps what was said of it (v3-mls §4.4, step 8). */
async function consentRecords(
  core: Core,
  row: Conversation,
  known: Conversation | undefined,
): Promise<readonly StoredRecord[]> {
  const key = keys.consent('conversation', bytesToHex(row.groupId))
  if (row.creatorInboxId === core.self.inboxId)
    return [{ key, value: encodeRow(Consent, { state: 2, consentedAtNs: nowNs(core) }) }]
  if (known?.membership === Membership.MEMBERSHIP_PENDING_REMOVE && row.welcomeId > known.welcomeId)
    return [{ key, value: encodeRow(Consent, { state: 1, consentedAtNs: nowNs(core) }) }]
  const directId = directIdOf(row)
  if (directId === undefined) return []
  const prefix = keys.directs(directId)
  const others = (await scanAll(core.store, prefix)).map(({ key }) => key.slice(prefix.length))
  const consents = await core.store.get(others.map((id) => keys.consent('conversation', id)))
  const value = consents.find((bytes) => bytes !== undefined)
  return value === undefined ? [] : [{ key, value }]
}
