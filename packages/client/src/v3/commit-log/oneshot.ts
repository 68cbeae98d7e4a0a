import { createCommit } from '@xmtp-ts/mls'
import type { v3 } from '@xmtp-ts/protocol'
import { planWelcomes, readKeyPackage, type ReaddRequest } from '@xmtp-ts/protocol/group'
import type { Core } from '../core.ts'
import { firstAttributes, groupIdBytes, newGroupState, policiesFor } from '../group/create.ts'
import { planMembers } from '../group/members.ts'

/**
 * Says one thing to some inboxes, and to the other installations of our own, by a welcome to a group that has no other
 * purpose (v3-mls §3.8). Nobody keeps that group: here it is gone when this resolves.
 * @throws XmtpError as `planMembers`, and what the network throws
 */
export async function sendOneshot(
  core: Core,
  inboxIds: readonly v3.InboxId[],
  request: ReaddRequest,
): Promise<void> {
  const { self, mls, environment } = core
  const { random } = environment
  const groupId = random(groupIdBytes)
  const state = await newGroupState(core, {
    groupId,
    metadata: { type: 'oneshot', creatorInboxId: self.inboxId, oneshot: request },
    attributes: firstAttributes({ type: 'group' }),
    superAdmins: [self.inboxId],
    policies: policiesFor('group'),
  })
  const add = inboxIds.filter((inboxId) => inboxId !== self.inboxId)
  const planned = await planMembers(core, { mls: state }, { add, remove: [] })
  if (planned === undefined) return
  const { proposals, keyPackages } = planned
  const { message, welcome } = await createCommit(state, { proposals, path: 'always', random })
  if (welcome === undefined) return
  await mls.sendGroupMessages([{ data: message, senderHmac: new Uint8Array(), shouldPush: false }])
  const messageCursor = await placeOfCommit(core, groupId)
  const installations = await Promise.all(
    keyPackages.map((bytes) => readKeyPackage(bytes, undefined)),
  )
  const inputs = await planWelcomes({ installations, welcome, messageCursor, random })
  await mls.sendWelcomeMessages(inputs)
}

/** The only message of the group. */
async function placeOfCommit({ mls }: Core, groupId: Uint8Array): Promise<bigint> {
  for await (const [first] of mls.queryGroupMessages(groupId, 0n))
    if (first !== undefined) return first.id
  return 0n
}
