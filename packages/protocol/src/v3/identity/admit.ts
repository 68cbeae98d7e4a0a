import { XmtpError } from '../../errors.ts'
import {
  maxIdentityLogUpdates,
  maxIdentityUpdateActions,
  maxInboxInstallations,
} from '../../limits.ts'
import { signaturesOf, type SignedAction } from './action.ts'
import { applyIdentityUpdate } from './apply.ts'
import { identifierText, isCanonicalIdentifier } from './identifier.ts'
import { hasSeenAnySpelling, noSignatures } from './seen.ts'
import { installationsOf, type AssociationState } from './state.ts'
import type { VerifiedIdentityUpdate } from './verify.ts'

/**
 * Refuses an update that costs too much before any of its signatures is looked at, or has nothing in it: libxmtp would
 * append one without actions, which needs no signature, to anybody's log.
 * @throws XmtpError `v3.identity.update.empty`, `v3.identity.update.tooLong` or `v3.identity.log.full`
 */
export function checkRoomForUpdate(
  state: AssociationState | undefined,
  { actions }: { readonly actions: readonly SignedAction<unknown>[] },
): void {
  if (actions.length === 0)
    throw new XmtpError('v3.identity.update.empty', 'An update has no actions.')
  if (actions.length > maxIdentityUpdateActions)
    throw new XmtpError(
      'v3.identity.update.tooLong',
      `An update has ${actions.length} actions; ${maxIdentityUpdateActions} are the limit.`,
    )
  if (state !== undefined && state.updateCount >= maxIdentityLogUpdates)
    throw new XmtpError(
      'v3.identity.log.full',
      `inbox log is full: it has ${state.updateCount} updates.`,
    )
}

/**
 * The state after an update that a node is asked to publish, or a client is about to send. Stricter than replaying
 * (node-api §14.5), so that every version of libxmtp agrees on what gets into a log: it has actions, few enough; its
 * identifiers and signatures are in the one canonical spelling; no signature was seen before in any spelling.
 * @param state undefined: the inbox does not exist yet
 * @throws XmtpError what `applyIdentityUpdate` and `checkRoomForUpdate` throw, `v3.identity.identifier.malformed` or
 * `v3.identity.signature.notCanonical`
 */
export function admitIdentityUpdate(
  state: AssociationState | undefined,
  update: VerifiedIdentityUpdate,
): AssociationState {
  checkRoomForUpdate(state, update)
  const seen = state?.seenSignatures ?? noSignatures
  for (const action of update.actions) {
    requireCanonicalIdentifier(action)
    for (const signature of signaturesOf(action)) {
      if (hasSeenAnySpelling(seen, signature))
        throw new XmtpError(
          'v3.identity.signature.replayed',
          `Replay detected: a signature of ${identifierText(signature.signer)} is in an earlier update.`,
        )
      if (!signature.isCanonical)
        throw new XmtpError(
          'v3.identity.signature.notCanonical',
          `A signature of kind ${signature.kind} is spelled in a way that clients read differently.`,
        )
    }
  }
  return applyIdentityUpdate(state, update)
}

/**
 * The rule of clients before they add an installation to an inbox (v3-mls §1.9); nodes and other clients do not check.
 * @throws XmtpError `v3.identity.member.tooMany`
 */
export function checkRoomForInstallation(state: AssociationState): void {
  const count = installationsOf(state).length
  if (count >= maxInboxInstallations)
    throw new XmtpError(
      'v3.identity.member.tooMany',
      `${state.inboxId} has ${count} installations; ${maxInboxInstallations} are the limit.`,
    )
}

function requireCanonicalIdentifier(action: SignedAction<unknown>): void {
  const named = 'member' in action ? action.member : action.identifier
  if (!isCanonicalIdentifier(named))
    throw new XmtpError(
      'v3.identity.identifier.malformed',
      `${JSON.stringify(identifierText(named).slice(0, 160))} is no ${named.kind} identifier.`,
    )
}
