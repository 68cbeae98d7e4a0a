import type { v3 } from '@xmtp-ts/protocol'

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
