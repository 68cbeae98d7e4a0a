import {
  adoptCommit,
  memberAt,
  MlsError,
  processMessage,
  type GroupState,
  type Member,
  type StagedCommit,
} from '@xmtp-ts/mls'
import { attempt, v3, XmtpError } from '@xmtp-ts/protocol'
import {
  decodeMembership,
  groupUpdated,
  memberOfLeaf,
  statesNeeded,
  validateCommit,
  type CommitSummary,
  type LeafMember,
} from '@xmtp-ts/protocol/group'
import type { GroupMessage } from '../../network/mls-api.ts'
import { commitKind, logApplied } from '../commit-log/local.ts'
import type { Core } from '../core.ts'
import { stateKey } from '../identity/directory.ts'
import { commitTook, type CommitOutcome } from './commit-took.ts'
import { directMembers, keptTypeOf } from './conversation-row.ts'
import { doubtEpoch } from './doubt.ts'
import { setConversation, setMls, type GroupChange } from './group-change.ts'
import type { LoadedGroup } from './loaded-group.ts'
import { storeApplicationMessage } from './message-row.ts'
import { failSent } from './own.ts'

/**
 * Opens a message of somebody else and does what it says (v3-mls §7.2).
 * @returns an error if the group is to be paused: then the message is not taken
 * @throws XmtpError or MlsError why it is refused, with `retry` if it may go well later
 */
export async function openExternal(
  core: Core,
  change: GroupChange,
  message: GroupMessage,
): Promise<XmtpError | undefined> {
  const received = await processMessage(change.group.mls, message.data).catch((error: unknown) => {
    noteFork(change, message, error)
    throw error
  })
  if (received.kind === 'proposal')
    throw new XmtpError('client.group.loneProposal', 'A proposal came outside of a commit.')
  if (received.kind === 'commit') {
    const { staged } = received
    const summary = await checkCommit(core, change.group, staged)
    if (summary instanceof XmtpError) return pause(change, summary)
    setMls(change, adoptCommit(received.state, staged))
    if (staged.removesSelf) await failSent(core, change)
    logApplied(change, received.state, {
      sequenceId: message.id,
      epoch: staged.groupContext.epoch,
      kind: commitKind(summary),
      actor: summary.actor,
    })
    commitTook(core, change, outcomeOf(summary, staged, change.group), message)
    return undefined
  }
  setMls(change, received.state)
  if (received.skipped > 0 && received.epoch === received.state.context.epoch) doubtEpoch(change)
  const plaintext = v3.parsePlaintext(received.data)
  if (plaintext === undefined) return undefined
  const sender = presentSender(received.state, received.sender)
  await storeApplicationMessage(core, change, { plaintext, sender, message })
  return undefined
}

/**
 * Who wrote a message, if they still have their place: libxmtp passes over what members wrote in an earlier epoch and have
 * been removed since (mls_sync.rs, `extract_message_sender`), and lists must not differ. What it cannot read by mistake (own.ts,
 * `isLostOnOthers`) is read here: its sender has it, so lists differ anyway, and nothing that can be read is to be lost.
 * @throws XmtpError `client.message.senderGone`
 */
function presentSender(state: GroupState, sender: Member): LeafMember {
  const was = memberOfLeaf(sender.leaf)
  const now = presentLeaf(state, sender.leafIndex)
  if (now !== undefined && memberOfLeaf(now).inboxId === was.inboxId) return memberOfLeaf(now)
  throw new XmtpError('client.message.senderGone', `${was.inboxId} was removed before it came.`)
}

function presentLeaf({ tree }: GroupState, leafIndex: number): Member['leaf'] | undefined {
  try {
    return memberAt(tree, leafIndex).leaf
  } catch (error) {
    if (error instanceof MlsError) return undefined
    throw error
  }
}

/** A message of an epoch that we have not reached says that its sender and we are in different groups (v3-mls §7.3). */
function noteFork(change: GroupChange, { id }: GroupMessage, error: unknown): void {
  if (!(error instanceof MlsError) || error.code !== 'message.epochInFuture') return
  setConversation(change, { maybeForked: true, forkDetails: `Message ${id}: ${error.message}` })
  change.signals.add('conversations')
}

/**
 * Holds a commit against the rules of the group, with the identity logs that it names.
 * @returns what it does, or the error that pauses the group
 * @throws XmtpError why it is forbidden, or what kept the logs away
 */
export async function checkCommit(
  core: Core,
  { mls, conversation }: Pick<LoadedGroup, 'mls' | 'conversation'>,
  staged: StagedCommit,
): Promise<CommitSummary | XmtpError> {
  const stated = attempt(() => decodeMembership(conversation.members).members)
  const places = statesNeeded(mls, staged).map((place) => ({
    ...place,
    since: stated.ok ? stated.value.get(place.inboxId) : undefined,
  }))
  const states = await core.inboxes.findStates(places)
  const verdict = validateCommit({
    state: mls,
    staged,
    states: (inboxId, sequenceId) => states.get(stateKey(inboxId, sequenceId)),
    ownVersion: core.protocolVersion,
    trusted: {
      type: keptTypeOf(conversation),
      dmMembers: directMembers(conversation),
    },
  })
  if (verdict.ok) return verdict.summary
  if (verdict.reason === 'protocolVersionTooLow') return verdict.error
  throw verdict.error
}

function pause(change: GroupChange, error: XmtpError): XmtpError {
  const { minimumVersion } = error.details
  setConversation(change, { pausedForVersion: String(minimumVersion) })
  change.signals.add('conversations')
  return error
}

function outcomeOf(
  summary: CommitSummary,
  { removesSelf }: StagedCommit,
  { conversation }: LoadedGroup,
): CommitOutcome {
  const leaving = new Set(conversation.leavingInboxIds)
  const { actor, readded } = summary
  return { transcript: groupUpdated(summary, { leaving }), actor, readded, removesSelf }
}
