import { GroupMembership } from '@xmtp-ts/proto/mls/message_contents/group_membership'
import { bytesListField, mapField, mapRecord, readMessage, uint64Field } from './protobuf.ts'

/** Extension 0xff01 of the group context: whose installations the leaves are (v3-mls §5.1). */
export type Membership = {
  /** Inbox id to the sequence id in its log at which its installations count; 0: not set yet. */
  readonly members: ReadonlyMap<string, bigint>
  /** Keys of installations that are no leaves because they had no usable key package. */
  readonly failedInstallations: readonly Uint8Array[]
}

/** Who came, who went, and whose log is read further now. */
export type MembershipDiff = {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly updated: readonly string[]
}

export function encodeMembership(membership: Membership): Uint8Array {
  return GroupMembership.encode({
    members: mapRecord(membership.members),
    failedInstallations: [...membership.failedInstallations],
  }).finish()
}

/** @throws XmtpError `v3.group.malformed` */
export function decodeMembership(bytes: Uint8Array): Membership {
  const message = readMessage(bytes, 'v3.group.malformed')
  return {
    members: mapField(message, 1, (entry) => uint64Field(entry, 2)),
    failedInstallations: bytesListField(message, 2),
  }
}

export function diffMembership(before: Membership, after: Membership): MembershipDiff {
  const old = [...before.members]
  return {
    added: [...after.members.keys()].filter((inboxId) => !before.members.has(inboxId)),
    removed: old.flatMap(([inboxId]) => (after.members.has(inboxId) ? [] : [inboxId])),
    updated: old.flatMap(([inboxId, sequenceId]) => {
      const next = after.members.get(inboxId)
      return next === undefined || next === sequenceId ? [] : [inboxId]
    }),
  }
}
