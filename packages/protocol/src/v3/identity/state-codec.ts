import {
  AssociationState as WireState,
  type Member as WireMember,
  type MemberMap,
} from '@xmtp-ts/proto/identity/associations/association'
import { attempt, XmtpError } from '../../errors.ts'
import { decodeWire } from '../../wire.ts'
import {
  memberKey,
  parseInboxId,
  readIdentifier,
  readMemberIdentifier,
  writeIdentifier,
  writeMemberIdentifier,
} from './identifier.ts'
import { seenRecordBytes } from './seen.ts'
import type { AssociationState, Member } from './state.ts'

const malformed = 'v3.identity.state.malformed'

/**
 * The state for a store of one's own, so that the next update need not replay the log. The published AssociationState
 * with two fields of this project: 32 bytes per signature seen, about 150 per member.
 */
export function encodeAssociationState(state: AssociationState): Uint8Array {
  const recovery = writeIdentifier(state.recovery)
  return WireState.encode({
    inboxId: state.inboxId,
    members: Array.from(state.members.values(), writeMember),
    recoveryIdentifier: recovery.text,
    recoveryIdentifierKind: recovery.kind,
    relyingParty: recovery.relyingParty,
    seenSignatures: [],
    seenSignatureRecords: state.seenSignatures,
    updateCount: state.updateCount,
  }).finish()
}

/** @throws XmtpError `v3.identity.state.malformed` */
export function decodeAssociationState(bytes: Uint8Array): AssociationState {
  const wire = decodeWire(WireState, bytes, malformed)
  const inboxId = attempt(() => parseInboxId(wire.inboxId))
  // The published form keeps the signatures themselves: reading it as "none seen" would let them be replayed.
  const isOurs = wire.seenSignatures.length === 0 && wire.updateCount > 0
  if (!inboxId.ok || !isOurs || wire.seenSignatureRecords.length % seenRecordBytes !== 0)
    throw new XmtpError(malformed, `${bytes.length} bytes are no stored state of an inbox.`)
  const members = wire.members.map(readMember)
  const recovery = readIdentifier(
    {
      text: wire.recoveryIdentifier,
      kind: wire.recoveryIdentifierKind,
      relyingParty: wire.relyingParty,
    },
    malformed,
  )
  return {
    inboxId: inboxId.value,
    members: new Map(members.map((member) => [memberKey(member.identifier), member])),
    recovery,
    seenSignatures: wire.seenSignatureRecords,
    updateCount: wire.updateCount,
  }
}

function writeMember(member: Member): MemberMap {
  const { addedBy, clientTimestampNs, addedOnChainId } = member
  const identifier = writeMemberIdentifier(member.identifier)
  const value: WireMember = {
    identifier,
    addedByEntity: addedBy && writeMemberIdentifier(addedBy),
    clientTimestampNs,
    addedOnChainId,
  }
  return { key: undefined, value }
}

function readMember({ value }: MemberMap): Member {
  const { addedByEntity, clientTimestampNs, addedOnChainId } = value ?? {}
  return {
    identifier: readMemberIdentifier(value?.identifier, malformed),
    addedBy: addedByEntity && readMemberIdentifier(addedByEntity, malformed),
    clientTimestampNs,
    addedOnChainId,
  }
}
