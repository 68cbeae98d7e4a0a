import { LeaveRequest as WireRequest } from '@xmtp-ts/proto/mls/message_contents/content_types/leave_request'
import type { ContentCodec } from './codec.ts'
import type { ContentTypeId } from './content-type.ts'

export type LeaveRequest = {
  /** Whatever the sender wants the group to have on record. */
  readonly authenticatedNote?: Uint8Array | undefined
}

/** The wish of a member to be removed (v3-mls §5.4). */
export const leaveRequestType: ContentTypeId = {
  authorityId: 'xmtp.org',
  typeId: 'leave_request',
  versionMajor: 1,
  versionMinor: 0,
}

/** v3-mls §6.3. */
export const leaveRequestCodec: ContentCodec<LeaveRequest> = {
  contentType: leaveRequestType,
  encode: ({ authenticatedNote }) => ({
    type: leaveRequestType,
    parameters: {},
    content: WireRequest.encode({ authenticatedNote }).finish(),
  }),
  decode({ content }) {
    const { authenticatedNote } = WireRequest.decode(content)
    return { authenticatedNote }
  },
  fallback: () => undefined,
  shouldPush: () => false,
}
