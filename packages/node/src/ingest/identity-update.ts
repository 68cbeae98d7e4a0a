import { createHash } from 'node:crypto'
import { GetIdentityUpdatesResponse_IdentityUpdateLog as LoggedUpdate } from '@xmtp-ts/proto/identity/api/v1/identity'
import { IdentityUpdate as WireUpdate } from '@xmtp-ts/proto/identity/associations/association'
import { limits, v3, XmtpError } from '@xmtp-ts/protocol'
import { maxContractChecks, maxIdentityLogBytes } from '../limits.ts'
import type { IdentityVerifier } from '../verify/identity-verifier.ts'
import type { IdentityStore, V3Item, V3Store } from '../log/v3-store.ts'

export type IdentityParts = {
  readonly store: Pick<V3Store, 'identity'>
  readonly contracts: v3.ContractVerifier
  readonly verifier: Pick<IdentityVerifier, 'verify'>
  readonly nowMs: () => number
}

/**
 * Appends an update to the log of its inbox if the log allows it (node-api §8.3). The state of the inbox is stored, so
 * that it costs the same whatever the length of the log (B15). The very same update again is a retry, and succeeds.
 * @throws XmtpError `v3.identity.*`, `node.store.unavailable`
 */
export async function publishIdentityUpdate(
  update: v3.IdentityUpdate,
  { store, contracts, verifier, nowMs }: IdentityParts,
): Promise<void> {
  const inboxId = v3.parseInboxId(update.inboxId)
  const bytes = v3.encodeIdentityUpdate(update)
  if (bytes.length > limits.maxIdentityUpdateBytes)
    throw new XmtpError('v3.identity.update.tooLong', `An update has ${bytes.length} bytes.`)
  const item = itemOf(inboxId, bytes)
  if (await store.identity.has(item.topic, item.digest)) return
  let before = await loadState(store.identity, inboxId)
  v3.checkRoomForUpdate(before.state, update)
  checkRoomForBytes(before.logBytes, bytes.length)
  checkContractCount(update)
  const verdicts = await v3.askContracts(update, contracts)
  const verified = await verifier.verify(update, verdicts)
  // Another update of the inbox may come first; each round that fails has made the log longer, and logs are bounded.
  for (;;) {
    const after = v3.admitIdentityUpdate(before.state, verified)
    const { added, removed } = v3.diffStates(before.state, after)
    const sequence = await store.identity.append(
      {
        item,
        inboxId,
        after: before.sequence,
        state: v3.encodeAssociationState(after),
        added: indexNames(added),
        removed: indexNames(removed),
      },
      nowMs(),
    )
    if (sequence !== undefined) return
    if (await store.identity.has(item.topic, item.digest)) return
    before = await loadState(store.identity, inboxId)
    checkRoomForBytes(before.logBytes, bytes.length)
  }
}

/** Each is a call to a chain, before anything else of the update is known to hold. */
function checkContractCount(update: v3.IdentityUpdate): void {
  const { size } = v3.contractChecks(update)
  if (size > maxContractChecks)
    throw new XmtpError(
      'v3.identity.update.tooLong',
      `An update has ${size} contract signatures; ${maxContractChecks} are the limit.`,
    )
}

type LoadedState = {
  readonly state: v3.AssociationState | undefined
  readonly sequence: number
  readonly logBytes: number
}

/** Whoever asks for the logs of many inboxes in one call must not be refused because of one of them. */
function checkRoomForBytes(logBytes: number, updateBytes: number): void {
  if (logBytes > 0 && logBytes + updateBytes > maxIdentityLogBytes)
    throw new XmtpError(
      'v3.identity.log.full',
      `inbox log is full: it has ${logBytes} of ${maxIdentityLogBytes} bytes.`,
    )
}

async function loadState(identity: IdentityStore, inboxId: v3.InboxId): Promise<LoadedState> {
  const stored = await identity.stateOf(identityTopic(inboxId))
  return stored === undefined
    ? { state: undefined, sequence: 0, logBytes: 0 }
    : { ...stored, state: v3.decodeAssociationState(stored.state) }
}

/** The name of an inbox's log in the store. Under /xmtp/, where topics are kept for ever. */
export function identityTopic(inboxId: v3.InboxId): string {
  return `/xmtp/mls/1/i-${inboxId}/proto`
}

function itemOf(inboxId: v3.InboxId, bytes: Uint8Array): V3Item {
  return {
    topic: identityTopic(inboxId),
    digest: createHash('sha256').update(bytes).digest(),
    encode: ({ sequence, createdNs }) =>
      LoggedUpdate.encode({
        sequenceId: BigInt(sequence),
        serverTimestampNs: createdNs,
        update: WireUpdate.decode(bytes),
      }).finish(),
  }
}

/** Installations are not looked up. */
function indexNames(members: readonly v3.MemberIdentifier[]): readonly string[] {
  return members.filter(({ kind }) => kind !== 'installation').map(v3.memberKey)
}
