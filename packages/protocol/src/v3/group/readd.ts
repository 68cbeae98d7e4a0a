import { OneshotMessage } from '@xmtp-ts/proto/mls/message_contents/oneshot'
import { XmtpError } from '../../errors.ts'
import { decodeWire } from '../../wire.ts'

/** What a forked installation asks super admins for by a oneshot welcome (v3-mls §3.8): to be added to a group again. */
export type ReaddRequest = {
  readonly groupId: Uint8Array
  /** The id of the newest commit that it has applied. */
  readonly latestCommitSequenceId: bigint
}

/** The message inside the metadata of a oneshot group. */
export function writeReaddRequest(request: ReaddRequest): OneshotMessage {
  const { groupId, latestCommitSequenceId } = request
  const value = { groupId, latestCommitSequenceId }
  return { messageType: { $case: 'readdRequest', value } }
}

export function encodeReaddRequest(request: ReaddRequest): Uint8Array {
  return OneshotMessage.encode(writeReaddRequest(request)).finish()
}

/** @throws XmtpError `v3.message.malformed` */
export function decodeReaddRequest(bytes: Uint8Array): ReaddRequest {
  const { messageType } = decodeWire(OneshotMessage, bytes, 'v3.message.malformed')
  if (messageType === undefined)
    throw new XmtpError('v3.message.malformed', 'A oneshot message is empty.')
  const { groupId, latestCommitSequenceId } = messageType.value
  return { groupId, latestCommitSequenceId }
}
