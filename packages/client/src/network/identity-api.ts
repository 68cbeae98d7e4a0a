import {
  GetIdentityUpdatesRequest,
  GetIdentityUpdatesResponse,
  GetInboxIdsRequest,
  GetInboxIdsResponse,
  PublishIdentityUpdateRequest,
  PublishIdentityUpdateResponse,
  VerifySmartContractWalletSignaturesRequest,
  VerifySmartContractWalletSignaturesResponse,
  type GetIdentityUpdatesResponse_Response,
  type GetInboxIdsResponse_Response,
} from '@xmtp-ts/proto/identity/api/v1/identity'
import { IdentifierKind, IdentityUpdate } from '@xmtp-ts/proto/identity/associations/association'
import { attempt, limits, v3 } from '@xmtp-ts/protocol'
import {
  maxContractChecksPerCall,
  maxIdentifiersPerCall,
  maxInboxesPerCall,
  maxParallelCalls,
} from '../limits.ts'
import { inChunks, inParallel } from './chunks.ts'
import type { MessageApiOptions } from './message-api.ts'
import { malformed, requireCount } from './mls-answers.ts'
import { createV3Caller } from './v3-caller.ts'

/** What of an inbox's log is wanted. */
export type IdentityLogQuery = {
  readonly inboxId: v3.InboxId
  /** Exclusive; 0 for the whole log. */
  readonly afterSequenceId: bigint
}

/** An entry of an inbox's log as the node keeps it; nothing in it is verified. */
export type IdentityLogEntry = {
  readonly sequenceId: bigint
  readonly serverTimestampNs: bigint
  readonly update: v3.IdentityUpdate
}

/**
 * The calls of V3 about inboxes (v3-mls §8.2, §9): typed, bounded, retried where that helps. Whatever a list is asked
 * for, the answers stand in its order. Every method throws XmtpError `client.network.*`, `client.node.*` or
 * `client.closed`.
 */
export interface IdentityApi {
  /** In the log, and valid, when it resolves. */
  publishIdentityUpdate(update: v3.IdentityUpdate): Promise<void>
  /** All entries behind each place, in order. */
  getIdentityUpdates(
    queries: readonly IdentityLogQuery[],
  ): Promise<readonly (readonly IdentityLogEntry[])[]>
  /** The inbox that each identifier belongs to, or undefined; the node's word, to be checked against the log. */
  getInboxIds(identifiers: readonly v3.Identifier[]): Promise<readonly (v3.InboxId | undefined)[]>
  /** What chains say about signatures of contract wallets; the node's word. */
  verifySmartContractWalletSignatures(
    checks: readonly v3.ContractCheck[],
  ): Promise<readonly v3.ContractVerdict[]>
}

export function createIdentityApi(options: MessageApiOptions): IdentityApi {
  const { unary } = createV3Caller('/xmtp.identity.api.v1.IdentityApi', options)

  const logsOf = async (queries: readonly IdentityLogQuery[]) => {
    const request = GetIdentityUpdatesRequest.encode({
      requests: queries.map(({ inboxId, afterSequenceId }) => ({
        inboxId,
        sequenceId: afterSequenceId,
      })),
    })
    const { responses } = await unary('GetIdentityUpdates', request, GetIdentityUpdatesResponse)
    requireCount(responses, queries.length)
    return queries.map((query, index) => readLog(responses[index], query))
  }

  return {
    async publishIdentityUpdate(update) {
      const identityUpdate = IdentityUpdate.decode(v3.encodeIdentityUpdate(update))
      const request = PublishIdentityUpdateRequest.encode({ identityUpdate })
      await unary('PublishIdentityUpdate', request, PublishIdentityUpdateResponse)
    },

    async getIdentityUpdates(queries) {
      const distinct = earliestPerInbox(queries)
      const chunks = [...inChunks(distinct, maxInboxesPerCall)]
      const logs = (await inParallel(chunks, maxParallelCalls, logsOf)).flat()
      const byInbox = new Map(distinct.map(({ inboxId }, index) => [inboxId, logs[index] ?? []]))
      return queries.map(({ inboxId, afterSequenceId }) =>
        (byInbox.get(inboxId) ?? []).filter(({ sequenceId }) => sequenceId > afterSequenceId),
      )
    },

    async getInboxIds(identifiers) {
      const inboxIds: (v3.InboxId | undefined)[] = []
      for (const chunk of inChunks(identifiers, maxIdentifiersPerCall)) {
        const requests = chunk.map((identifier) => ({
          identifier: v3.identifierText(identifier),
          identifierKind: kinds[identifier.kind],
        }))
        const request = GetInboxIdsRequest.encode({ requests })
        const { responses } = await unary('GetInboxIds', request, GetInboxIdsResponse)
        requireCount(responses, chunk.length)
        for (const [index, { identifier }] of requests.entries())
          inboxIds.push(readInboxId(responses[index], identifier))
      }
      return inboxIds
    },

    async verifySmartContractWalletSignatures(checks) {
      const verdicts: v3.ContractVerdict[] = []
      for (const chunk of inChunks(checks, maxContractChecksPerCall)) {
        const request = VerifySmartContractWalletSignaturesRequest.encode({
          signatures: chunk.map(({ account, blockNumber, signature, hash }) => ({
            accountId: account.text,
            blockNumber,
            signature,
            hash,
          })),
        })
        const { responses } = await unary(
          'VerifySmartContractWalletSignatures',
          request,
          VerifySmartContractWalletSignaturesResponse,
        )
        requireCount(responses, chunk.length)
        for (const { isValid, blockNumber, error } of responses)
          verdicts.push({ isValid, blockNumber, ...(error === undefined ? {} : { reason: error }) })
      }
      return verdicts
    },
  }
}

const kinds: Readonly<Record<v3.Identifier['kind'], IdentifierKind>> = {
  ethereum: IdentifierKind.IDENTIFIER_KIND_ETHEREUM,
  passkey: IdentifierKind.IDENTIFIER_KIND_PASSKEY,
}

/** Each inbox once: the reference node repeats entries of one that a call names twice. */
function earliestPerInbox(queries: readonly IdentityLogQuery[]): readonly IdentityLogQuery[] {
  const earliest = new Map<v3.InboxId, IdentityLogQuery>()
  for (const query of queries) {
    const before = earliest.get(query.inboxId)
    if (before === undefined || query.afterSequenceId < before.afterSequenceId)
      earliest.set(query.inboxId, query)
  }
  return [...earliest.values()]
}

function readLog(
  response: GetIdentityUpdatesResponse_Response | undefined,
  { inboxId, afterSequenceId }: IdentityLogQuery,
): readonly IdentityLogEntry[] {
  if (response === undefined || response.inboxId !== inboxId)
    throw malformed('A log is of another inbox.')
  const { updates } = response
  if (updates.length > limits.maxIdentityLogUpdates)
    throw malformed(`The log of an inbox has ${updates.length} entries.`)
  let last = afterSequenceId
  return updates.map(({ sequenceId, serverTimestampNs, update }) => {
    if (sequenceId <= last) throw malformed('The entries of a log do not grow.')
    last = sequenceId
    const read = attempt(() => (update === undefined ? undefined : v3.readIdentityUpdate(update)))
    if (!read.ok) throw malformed('An entry of a log does not decode.', read.error)
    if (read.value === undefined) throw malformed('An entry of a log is empty.')
    return { sequenceId, serverTimestampNs, update: read.value }
  })
}

function readInboxId(
  response: GetInboxIdsResponse_Response | undefined,
  identifier: string,
): v3.InboxId | undefined {
  if (response?.identifier !== identifier) throw malformed('An answer is about somebody else.')
  const { inboxId } = response
  if (inboxId === undefined) return undefined
  const read = attempt(() => v3.parseInboxId(inboxId))
  if (!read.ok) throw malformed('An inbox id does not parse.', read.error)
  return read.value
}
