import { members } from '@xmtp-ts/mls'
import { attempt, bytesToHex, v3, XmtpError } from '@xmtp-ts/protocol'
import { decodeMembership, type GroupContent } from '@xmtp-ts/protocol/group'
import { Conversation } from '@xmtp-ts/proto/store/v1/store'
import type { Core } from '../core.ts'
import { keptTypeOf } from '../group/conversation-row.ts'
import { createLocalGroup, firstAttributes, policiesFor } from '../group/create.ts'
import { changeGroup } from '../group/commit.ts'
import type { InboxAnswers } from '../identity/directory.ts'
import { planMembers } from '../group/members.ts'
import { isPaused } from '../group/pausing.ts'
import { keys } from '../records/keys.ts'
import { decodeRow, scanPages } from '../records/rows.ts'

/**
 * A group in which anybody but our own installations is, or was let in by somebody else, is none of ours.
 * @throws XmtpError `client.welcome.foreignSync`
 */
export function checkSyncGroup(
  { self }: Pick<Core, 'self'>,
  {
    adder,
    content,
  }: { readonly adder: { readonly inboxId: v3.InboxId }; readonly content: GroupContent },
): void {
  const inboxIds = [
    adder.inboxId,
    content.metadata.creatorInboxId,
    ...content.membership.members.keys(),
  ]
  const foreign = inboxIds.find((inboxId) => inboxId !== self.inboxId)
  if (foreign !== undefined)
    throw new XmtpError('client.welcome.foreignSync', `${foreign} is in a sync group for us.`)
}

type SyncGroup = { readonly id: string; readonly row: Conversation }

/** The sync groups of this installation, the one to write in first: the newest, as libxmtp chooses. */
export async function readSyncGroups({ store }: Core): Promise<readonly SyncGroup[]> {
  const found: SyncGroup[] = []
  for await (const page of scanPages(store, keys.conversations))
    for (const { key, value } of page) {
      const row = decodeRow(Conversation, value)
      if (keptTypeOf(row) === 'sync') found.push({ id: key.slice(keys.conversations.length), row })
    }
  return found.toSorted((a, b) => Number(b.row.createdAtNs - a.row.createdAtNs))
}

/**
 * The sync group to write in; one is made with all our installations if there is none (v3-mls §3.8).
 * @returns its id, hex
 * @throws what the network throws: it is gone on with at the next call
 */
export function openSyncGroup(core: Core): Promise<string> {
  return core.groups.turn('sync group', async () => {
    const newest = (await readSyncGroups(core)).find(
      ({ row }) => row.active && !isPaused(core, row),
    )
    const known = newest && (await isAmongUs(core, newest.id)) ? newest : undefined
    const id = known?.id ?? (await newSyncGroup(core))
    if (known === undefined || membersOf(known).get(core.self.inboxId) === 0n)
      await changeGroup(core, id, (group) => planMembers(core, group, { add: [], remove: [] }))
    return id
  })
}

function newSyncGroup(core: Core): Promise<string> {
  const attributes = firstAttributes({ type: 'sync' })
  return createLocalGroup(core, { type: 'sync', attributes, policies: policiesFor('sync') })
}

/**
 * Whether all who hear what is said in a group are installations of ours. Any member may let others in, and nobody takes a
 * revoked installation out of a sync group, since they are not changed once they are made.
 */
async function isAmongUs(core: Core, id: string): Promise<boolean> {
  const group = await core.groups.turn(id, () => core.groups.load(id))
  const { inboxId, installationId } = core.self
  const isOurs = (answers: InboxAnswers) => {
    const state = answers.get(inboxId)?.state
    const keys = state === undefined ? [] : v3.installationsOf(state).map(({ key }) => key)
    const ours = new Set([installationId, ...keys].map(bytesToHex))
    const leaves = group === undefined ? [] : members(group.mls)
    return leaves.every(({ leaf }) => ours.has(bytesToHex(leaf.signatureKey)))
  }
  // One that is not known yet may have come lately.
  return (
    isOurs(await core.inboxes.latest([inboxId])) || isOurs(await core.inboxes.refresh([inboxId]))
  )
}

function membersOf({ row }: SyncGroup): ReadonlyMap<string, bigint> {
  const read = attempt(() => decodeMembership(row.members))
  return read.ok ? read.value.members : new Map()
}
