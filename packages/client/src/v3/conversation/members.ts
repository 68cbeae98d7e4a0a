import { bytesToHex, v3 } from '@xmtp-ts/protocol'
import { decodeMembership, decodeMutableMetadata } from '@xmtp-ts/protocol/group'
import type { Core } from '../core.ts'
import { stateKey } from '../identity/directory.ts'
import { writeIdentifier, type Identifier } from '../identity/public-identifier.ts'
import { keys } from '../records/keys.ts'
import { PermissionLevel, type ConsentState } from './enums.ts'
import { consentOfRow, type View } from './view.ts'

/** An inbox in a conversation. */
export type GroupMember = {
  readonly inboxId: string
  readonly accountIdentifiers: readonly Identifier[]
  /** hex */
  readonly installationIds: readonly string[]
  readonly permissionLevel: PermissionLevel
  readonly consentState: ConsentState
}

/**
 * The members, with their accounts and installations as the group knows them. Asks the node for logs that are not here.
 * @throws what the network throws
 */
export async function readMembers(core: Core, { row }: View): Promise<GroupMember[]> {
  const { members } = decodeMembership(row.members)
  const metadata = decodeMutableMetadata(row.mutableMetadata)
  const inboxIds = [...members.keys()]
  const [states, consents] = await Promise.all([
    readStates(core, members),
    core.store.get(inboxIds.map((inboxId) => keys.consent('inbox', inboxId))),
  ])
  return inboxIds.map((inboxId, index) => {
    const state = states.get(inboxId)
    return {
      inboxId,
      accountIdentifiers: state ? v3.identifiersOf(state).map(writeIdentifier) : [],
      installationIds: state ? v3.installationsOf(state).map(({ key }) => bytesToHex(key)) : [],
      permissionLevel: levelOf(metadata, inboxId),
      consentState: consentOfRow(consents[index]),
    }
  })
}

async function readStates(
  core: Core,
  members: ReadonlyMap<string, bigint>,
): Promise<ReadonlyMap<string, v3.AssociationState>> {
  const places = Array.from(members, ([inboxId, sequenceId]) => ({ inboxId, sequenceId }))
  const stated = places.filter(({ sequenceId }) => sequenceId > 0n)
  // A group that was just made does not say yet where its creator is.
  const unstated = places.filter(({ sequenceId }) => sequenceId === 0n)
  const [found, latest] = await Promise.all([
    core.inboxes.findStates(stated),
    core.inboxes.latest(unstated.map(({ inboxId }) => inboxId)),
  ])
  const states = new Map<string, v3.AssociationState>()
  for (const { inboxId, sequenceId } of places) {
    const state = found.get(stateKey(inboxId, sequenceId)) ?? latest.get(inboxId)?.state
    if (state !== undefined) states.set(inboxId, state)
  }
  return states
}

function levelOf(
  { admins, superAdmins }: { admins: readonly string[]; superAdmins: readonly string[] },
  inboxId: string,
): PermissionLevel {
  if (superAdmins.includes(inboxId)) return PermissionLevel.SuperAdmin
  return admins.includes(inboxId) ? PermissionLevel.Admin : PermissionLevel.Member
}
