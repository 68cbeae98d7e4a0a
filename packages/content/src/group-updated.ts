import { GroupUpdated as WireUpdate } from '@xmtp-ts/proto/mls/message_contents/transcript_messages'
import type { ContentCodec } from './codec.ts'
import type { ContentTypeId } from './content-type.ts'

type Inboxes = readonly { readonly inboxId: string }[]

/** What a commit changed in a group. */
export type GroupUpdated = {
  readonly initiatedByInboxId: string
  readonly addedInboxes: Inboxes
  readonly removedInboxes: Inboxes
  readonly leftInboxes: Inboxes
  readonly metadataFieldChanges: readonly {
    /** As in the group's mutable metadata, e.g. `group_name`. */
    readonly fieldName: string
    readonly oldValue?: string | undefined
    readonly newValue?: string | undefined
  }[]
  readonly addedAdminInboxes: Inboxes
  readonly removedAdminInboxes: Inboxes
  readonly addedSuperAdminInboxes: Inboxes
  readonly removedSuperAdminInboxes: Inboxes
}

/** A line of a group's transcript. Each client writes it for itself; one that was sent is somebody's invention. */
export const groupUpdatedType: ContentTypeId = {
  authorityId: 'xmtp.org',
  typeId: 'group_updated',
  versionMajor: 1,
  versionMinor: 0,
}

/** v3-mls §6.4. */
export const groupUpdatedCodec: ContentCodec<GroupUpdated> = {
  contentType: groupUpdatedType,
  encode: (update) => ({
    type: groupUpdatedType,
    parameters: {},
    content: WireUpdate.encode({
      initiatedByInboxId: update.initiatedByInboxId,
      addedInboxes: [...update.addedInboxes],
      removedInboxes: [...update.removedInboxes],
      leftInboxes: [...update.leftInboxes],
      metadataFieldChanges: update.metadataFieldChanges.map(
        ({ fieldName, oldValue, newValue }) => ({ fieldName, oldValue, newValue }),
      ),
      addedAdminInboxes: [...update.addedAdminInboxes],
      removedAdminInboxes: [...update.removedAdminInboxes],
      addedSuperAdminInboxes: [...update.addedSuperAdminInboxes],
      removedSuperAdminInboxes: [...update.removedSuperAdminInboxes],
    }).finish(),
  }),
  decode: ({ content }) => WireUpdate.decode(content),
  fallback: () => undefined,
  shouldPush: () => false,
}
