import { EncodedContent } from '@xmtp-ts/proto/message_contents/content'
import { GroupUpdated as WireGroupUpdated } from '@xmtp-ts/proto/mls/message_contents/transcript_messages'
import { XmtpError } from '../../errors.ts'
import { decodeWire } from '../../wire.ts'
import type { AttributeChange } from './commit-changes.ts'
import type { CommitSummary } from './commit.ts'

/** A line of the transcript: what a commit did, for people to read (v3-mls §6.4). Every client makes its own. */
export type GroupUpdated = {
  readonly initiatedBy: string
  readonly added: readonly string[]
  readonly removed: readonly string[]
  /** Removed after they had asked for it. */
  readonly left: readonly string[]
  readonly changedAttributes: readonly AttributeChange[]
  readonly addedAdmins: readonly string[]
  readonly removedAdmins: readonly string[]
  readonly addedSuperAdmins: readonly string[]
  readonly removedSuperAdmins: readonly string[]
}

const malformed = 'v3.message.malformed'

const contentType = {
  authorityId: 'xmtp.org',
  typeId: 'group_updated',
  versionMajor: 1,
  versionMinor: 0,
} as const

/** Whether other clients write a line for this commit; a stated minimum version alone makes them. */
function isWorthALine(summary: CommitSummary): boolean {
  return (
    summary.minimumVersion !== undefined ||
    [
      summary.addedInboxes,
      summary.removedInboxes,
      summary.changedAttributes,
      summary.addedAdmins,
      summary.removedAdmins,
      summary.addedSuperAdmins,
      summary.removedSuperAdmins,
    ].some((list) => list.length > 0)
  )
}

/**
 * @param leaving the inboxes that had asked to be removed
 * @returns an EncodedContent of type xmtp.org/group_updated:1.0; undefined for a commit that leaves no trace
 */
export function groupUpdated(
  summary: CommitSummary,
  { leaving }: { readonly leaving: ReadonlySet<string> },
): Uint8Array | undefined {
  if (!isWorthALine(summary)) return undefined
  return encodeGroupUpdated({
    initiatedBy: summary.actor.inboxId,
    added: summary.addedInboxes,
    removed: summary.removedInboxes.filter((inboxId) => !leaving.has(inboxId)),
    left: summary.removedInboxes.filter((inboxId) => leaving.has(inboxId)),
    changedAttributes: summary.changedAttributes,
    addedAdmins: summary.addedAdmins,
    removedAdmins: summary.removedAdmins,
    addedSuperAdmins: summary.addedSuperAdmins,
    removedSuperAdmins: summary.removedSuperAdmins,
  })
}

/** An EncodedContent of type xmtp.org/group_updated:1.0. */
export function encodeGroupUpdated(update: GroupUpdated): Uint8Array {
  const inboxes = (ids: readonly string[]) => ids.map((inboxId) => ({ inboxId }))
  const content = WireGroupUpdated.encode({
    initiatedByInboxId: update.initiatedBy,
    addedInboxes: inboxes(update.added),
    removedInboxes: inboxes(update.removed),
    metadataFieldChanges: update.changedAttributes.map((change) => ({
      fieldName: change.name,
      oldValue: change.old,
      newValue: change.new,
    })),
    leftInboxes: inboxes(update.left),
    addedAdminInboxes: inboxes(update.addedAdmins),
    removedAdminInboxes: inboxes(update.removedAdmins),
    addedSuperAdminInboxes: inboxes(update.addedSuperAdmins),
    removedSuperAdminInboxes: inboxes(update.removedSuperAdmins),
  }).finish()
  return EncodedContent.encode({ type: contentType, parameters: {}, content }).finish()
}

/** Reads an EncodedContent of type xmtp.org/group_updated:1.0. @throws XmtpError `v3.message.malformed` */
export function parseGroupUpdated(bytes: Uint8Array): GroupUpdated {
  const { type, content } = decodeWire(EncodedContent, bytes, malformed)
  const isTranscript =
    type?.authorityId === contentType.authorityId &&
    type.typeId === contentType.typeId &&
    type.versionMajor === contentType.versionMajor
  if (!isTranscript) throw new XmtpError(malformed, 'It is no line of a transcript.')
  const wire = decodeWire(WireGroupUpdated, content, malformed)
  const inboxes = (list: readonly { readonly inboxId: string }[]) =>
    list.map(({ inboxId }) => inboxId)
  return {
    initiatedBy: wire.initiatedByInboxId,
    added: inboxes(wire.addedInboxes),
    removed: inboxes(wire.removedInboxes),
    left: inboxes(wire.leftInboxes),
    changedAttributes: wire.metadataFieldChanges.map((change) => ({
      name: change.fieldName,
      old: change.oldValue,
      new: change.newValue,
    })),
    addedAdmins: inboxes(wire.addedAdminInboxes),
    removedAdmins: inboxes(wire.removedAdminInboxes),
    addedSuperAdmins: inboxes(wire.addedSuperAdminInboxes),
    removedSuperAdmins: inboxes(wire.removedSuperAdminInboxes),
  }
}
