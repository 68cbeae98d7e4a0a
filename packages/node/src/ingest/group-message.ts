import { createHash } from 'node:crypto'
import { decodeMessage, MlsError } from '@xmtp-ts/mls'
import { GroupMessage, type GroupMessageInput_V1 } from '@xmtp-ts/proto/mls/api/v1/mls'
import { v3, XmtpError } from '@xmtp-ts/protocol'
import { maxV3AttributeBytes, maxV3MessageBytes } from '../limits.ts'
import type { V3Item } from '../log/v3-store.ts'

/**
 * Reads what the node must know of a group message from its MLS bytes (node-api §8.1): whose group, and whether it is
 * a commit or a proposal. Bytes behind the message are refused: they would make it a new one for the log (B13).
 * @throws XmtpError `node.v3.message.malformed`, `v3.topic.malformed`
 */
export function checkGroupMessage(input: GroupMessageInput_V1): V3Item {
  const { data, senderHmac, shouldPush } = input
  if (data.length === 0) throw malformed('message is empty')
  if (data.length > maxV3MessageBytes || senderHmac.length > maxV3AttributeBytes)
    throw malformed('message too big')
  const { groupId, isCommit } = readGroupMessage(data)
  if (groupId.length === 0) throw malformed('group id is empty')
  return {
    topic: v3.mlsTopic({ kind: 'group', id: groupId }),
    digest: createHash('sha256').update(groupId).update(data).digest(),
    // Who joins or comes back later needs every commit.
    expires: !isCommit,
    encode: ({ sequence, createdNs }) => {
      const id = BigInt(sequence)
      const value = { id, createdNs, groupId, data, senderHmac, shouldPush, isCommit }
      return GroupMessage.encode({ version: { $case: 'v1', value } }).finish()
    },
  }
}

function readGroupMessage(data: Uint8Array): { groupId: Uint8Array; isCommit: boolean } {
  const message = decodeMls(data)
  if (message.kind === 'privateMessage') {
    const { groupId, contentType } = message.message
    return { groupId, isCommit: contentType !== applicationContent }
  }
  if (message.kind === 'publicMessage') {
    const { groupId, body } = message.message.content
    return { groupId, isCommit: body.kind !== 'application' }
  }
  throw malformed(`a ${message.kind} is no group message`)
}

/** The content type of application messages (RFC 9420 §6). */
const applicationContent = 1

function decodeMls(data: Uint8Array): ReturnType<typeof decodeMessage> {
  try {
    return decodeMessage(data)
  } catch (cause) {
    throw cause instanceof MlsError ? malformed(cause.message, cause) : cause
  }
}

function malformed(reason: string, cause?: unknown): XmtpError {
  return new XmtpError('node.v3.message.malformed', `The message is refused: ${reason}.`, {
    details: { text: `invalid group message: validation failed with error ${reason}` },
    cause,
  })
}
