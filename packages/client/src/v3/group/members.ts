import { members, type Proposal } from '@xmtp-ts/mls'
import { bytesToHex, v3, XmtpError } from '@xmtp-ts/protocol'
import {
  planMembershipChange,
  readGroupContent,
  readKeyPackage,
  withMembership,
  withoutInstallations,
  type InboxStates,
  type Membership,
  type MembershipChange,
  type ReadKeyPackage,
} from '@xmtp-ts/protocol/group'
import { maxGroupInboxes } from '../../limits.ts'
import { nowNs, type Core } from '../core.ts'
import { stateKey, type InboxAnswers, type KnownInbox } from '../identity/directory.ts'
import type { PlannedCommit } from './commit.ts'
import type { LoadedGroup } from './loaded-group.ts'

export type MemberChange = {
  readonly add: readonly v3.InboxId[]
  readonly remove: readonly v3.InboxId[]
}

/**
 * The commit that adds and removes inboxes and brings the leaves of all others in line with their logs (v3-mls §5.2).
 * @returns undefined when everything is as wanted
 * @throws XmtpError `client.group.tooLarge`, `client.inbox.*` for who cannot be added, `client.group.noKeyPackage`
 */
export async function planMembers(
  core: Core,
  group: Pick<LoadedGroup, 'mls'>,
  change: MemberChange,
): Promise<PlannedCommit | undefined> {
  const { membership } = readGroupContent(group.mls.context.extensions)
  const add = change.add.filter((inboxId) => !membership.members.has(inboxId))
  const remove = change.remove.filter((inboxId) => membership.members.has(inboxId))
  if (membership.members.size + add.length - remove.length > maxGroupInboxes)
    throw new XmtpError(
      'client.group.tooLarge',
      `A group has ${maxGroupInboxes} inboxes at the most.`,
    )
  const wanted = planMembershipChange({
    membership,
    states: await readStates(core, membership, { add, remove }),
    leaves: members(group.mls),
    add,
    remove,
    self: core.self.installationId,
  })
  if (wanted.isEmpty) return undefined
  const found = await fetchKeyPackages(core, wanted.installationsToAdd)
  requireSomeReachable(add, wanted, found.readable)
  const plan = withoutInstallations(wanted, found.unusable)
  return {
    proposals: proposalsOf(group, plan, found.readable),
    keyPackages: found.readable.map(({ bytes }) => bytes),
  }
}

/** States of all who are or become members, old and new: one call to the node for what is new in their logs. */
async function readStates(
  core: Core,
  membership: Membership,
  { add, remove }: MemberChange,
): Promise<ReadonlyMap<v3.InboxId, InboxStates>> {
  const removing = new Set<string>(remove)
  const stated = [...membership.members].map(([inboxId, sequenceId]) => ({ inboxId, sequenceId }))
  const staying = stated.filter(({ inboxId }) => !removing.has(inboxId))
  const latest = await core.inboxes.refresh([...staying.map(({ inboxId }) => inboxId), ...add])
  const old = await core.inboxes.statesAt(stated.filter(({ sequenceId }) => sequenceId > 0n))
  const states = new Map<v3.InboxId, InboxStates>()
  for (const { inboxId, sequenceId } of stated) {
    states.set(v3.parseInboxId(inboxId), {
      old: old.get(stateKey(inboxId, sequenceId)),
      ...(!removing.has(inboxId) && { latest: knownIn(latest, inboxId) }),
    })
  }
  for (const inboxId of add) {
    states.set(inboxId, { old: undefined, latest: knownIn(latest, inboxId) })
  }
  return states
}

function knownIn(answers: InboxAnswers, inboxId: string): KnownInbox {
  const known = answers.get(inboxId)
  if (known !== undefined) return known
  throw (
    answers.problems.get(inboxId) ??
    new XmtpError('client.inbox.unknown', `There is no inbox ${inboxId}.`)
  )
}

type FoundKeyPackage = ReadKeyPackage & { readonly bytes: Uint8Array }

/** Key packages of installations that are good now, and the installations that have none. @throws what the network throws */
export async function fetchKeyPackages(
  core: Core,
  installations: readonly Uint8Array[],
): Promise<{
  readonly readable: readonly FoundKeyPackage[]
  readonly unusable: readonly Uint8Array[]
}> {
  const readable: FoundKeyPackage[] = []
  const unusable: Uint8Array[] = []
  if (installations.length === 0) return { readable, unusable }
  const packages = await core.mls.fetchKeyPackages(installations)
  const nowSeconds = nowNs(core) / 1_000_000_000n
  for (const [index, installation] of installations.entries()) {
    const bytes = packages[index]
    const read = bytes && (await readKeyPackage(bytes, nowSeconds).catch(() => undefined))
    const isTheirs = read && bytesToHex(read.installationId) === bytesToHex(installation)
    if (bytes !== undefined && read && isTheirs) readable.push({ ...read, bytes })
    else unusable.push(installation)
  }
  return { readable, unusable }
}

/** Somebody of whom no app can read is not added: nobody would ever get the messages. */
function requireSomeReachable(
  add: readonly string[],
  { installationsToAdd }: MembershipChange,
  readable: readonly FoundKeyPackage[],
): void {
  if (add.length > 0 && installationsToAdd.length > 0 && readable.length === 0)
    throw new XmtpError(
      'client.group.noKeyPackage',
      `None of ${installationsToAdd.length} installations has a usable key package.`,
    )
}

function proposalsOf(
  group: Pick<LoadedGroup, 'mls'>,
  plan: MembershipChange,
  readable: readonly FoundKeyPackage[],
): readonly Proposal[] {
  const extensions = withMembership(group.mls.context.extensions, plan.membership)
  return [
    ...readable.map(({ keyPackage }): Proposal => ({ kind: 'add', keyPackage })),
    ...plan.leavesToRemove.map((removed): Proposal => ({ kind: 'remove', removed })),
    { kind: 'groupContextExtensions', extensions },
  ]
}
