import { v3, XmtpError } from '@xmtp-ts/protocol'
import { EncodedContent } from '@xmtp-ts/proto/message_contents/content'
import { LeaveRequest } from '@xmtp-ts/proto/mls/message_contents/content_types/leave_request'
import { Membership } from '@xmtp-ts/proto/store/v1/store'
import { decodeMembership, decodeMutableMetadata } from '@xmtp-ts/protocol/group'
import { leaveRetryMs } from '../../limits.ts'
import { jittered } from '../../network/retry.ts'
import type { Core } from '../core.ts'
import { keptTypeOf } from '../group/conversation-row.ts'
import { receiveNew } from '../group/receive.ts'
import { sendMessage } from '../group/send.ts'
import { changeMembers } from './plans.ts'
import { readAllViews, type View } from './view.ts'

/**
 * Asks the super admins to be removed (v3-mls §5.4). Asking again does nothing.
 * @throws XmtpError `client.group.cannotLeave`
 */
export async function requestRemoval(core: Core, { id, row }: View): Promise<void> {
  const { superAdmins } = decodeMutableMetadata(row.mutableMetadata)
  if (keptTypeOf(row) !== 'group')
    throw new XmtpError('client.group.cannotLeave', 'Nobody leaves a direct message.')
  if (superAdmins.includes(core.self.inboxId))
    throw new XmtpError('client.group.cannotLeave', 'A super admin cannot leave.')
  if (decodeMembership(row.members).members.size < 2)
    throw new XmtpError('client.group.cannotLeave', 'The only member cannot leave.')
  if (row.membership === Membership.MEMBERSHIP_PENDING_REMOVE) return
  const content = EncodedContent.encode({
    type: { authorityId: 'xmtp.org', typeId: 'leave_request', versionMajor: 1, versionMinor: 0 },
    parameters: {},
    fallback: 'A member has requested leaving the group',
    compression: undefined,
    content: LeaveRequest.encode({ authenticatedNote: undefined }).finish(),
  }).finish()
  await sendMessage(core, id, { content, shouldPush: false })
  // It counts, for us too, when it has its place in the log.
  await core.groups.turn(id, () => receiveNew(core, id))
}

/** Removes those who asked, wherever we are super admin, until the client is closed. */
export async function removeLeaving(core: Core): Promise<void> {
  const { signals, signal, environment } = core
  while (!signal.aborted) {
    const seen = signals.count('leaving')
    const isDone = await removeAll(core)
    if (isDone) await signals.wait('leaving', seen, signal)
    else await environment.sleep(jittered(leaveRetryMs, environment), signal)
  }
}

/** @returns whether nobody is left who may be removed now */
async function removeAll(core: Core): Promise<boolean> {
  let isDone = true
  try {
    for (const { id, row } of await readAllViews(core)) {
      if (core.signal.aborted) return true
      if (!row.active || row.leavingInboxIds.length === 0 || keptTypeOf(row) !== 'group') continue
      const { superAdmins } = decodeMutableMetadata(row.mutableMetadata)
      const remove = row.leavingInboxIds.filter((inboxId) => !superAdmins.includes(inboxId))
      if (!superAdmins.includes(core.self.inboxId) || remove.length === 0) continue
      await changeMembers(core, id, { add: [], remove: remove.map(v3.parseInboxId) })
    }
  } catch (error) {
    if (core.signal.aborted) return true
    core.report(error)
    isDone = !(error instanceof XmtpError && error.retry)
  }
  return isDone
}
