import { createHash } from 'node:crypto'
import {
  BatchPublishCommitLogRequest,
  type PublishCommitLogRequest,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import { CommitLogEntry } from '@xmtp-ts/proto/mls/message_contents/commit_log'
import { v3 } from '@xmtp-ts/protocol'
import { maxCommitLogEntries, maxCommitLogEntryBytes } from '../../limits.ts'
import type { V3Item } from '../../log/v3-store.ts'
import { decodeRequest } from '../decode.ts'
import type { UnaryMethod } from '../method.ts'
import { admit, checkCount, refusal, type V3Services } from '../v3-services.ts'

const emptyResponse = new Uint8Array()

/** MlsApi.BatchPublishCommitLog (node-api §6.4): signatures are checked, exact duplicates kept once (B24). */
export function batchPublishCommitLogMethod(services: V3Services): UnaryMethod {
  return {
    path: '/xmtp.mls.api.v1.MlsApi/BatchPublishCommitLog',
    kind: 'unary',
    handle: async (request, call) => {
      admit(services, call)
      const { requests } = decodeRequest(BatchPublishCommitLogRequest, request)
      checkCount(requests.length, {
        max: maxCommitLogEntries,
        none: 'no log entries to publish',
        what: 'inserts in single batch',
      })
      await services.store.commitLog.append(requests.map(checkEntry), services.nowMs())
      const sizes = requests.map((each) => each.serializedCommitLogEntry.length)
      services.metrics.sent('commitLogEntry', sizes, call.headers)
      return emptyResponse
    },
  }
}

/** @throws XmtpError `node.v3.commitLog.malformed`, `v3.commitLog.malformed`, `v3.commitLog.badSignature` */
function checkEntry({
  groupId,
  serializedCommitLogEntry,
  signature,
}: PublishCommitLogRequest): V3Item {
  const { length } = serializedCommitLogEntry
  if (groupId.length === 0 || length === 0 || signature === undefined)
    throw refusal('node.v3.commitLog.malformed', 'invalid commit log entry')
  if (length > maxCommitLogEntryBytes)
    throw refusal('node.v3.commitLog.malformed', 'commit log entry too big')
  v3.verifyCommitLogEntry({ bytes: serializedCommitLogEntry, signature }, groupId)
  return {
    topic: v3.mlsTopic({ kind: 'group', id: groupId }),
    digest: createHash('sha256')
      .update(signature.publicKey)
      .update(signature.bytes)
      .update(serializedCommitLogEntry)
      .digest(),
    encode: ({ sequence }) =>
      CommitLogEntry.encode({
        sequenceId: BigInt(sequence),
        serializedCommitLogEntry,
        signature,
      }).finish(),
  }
}
