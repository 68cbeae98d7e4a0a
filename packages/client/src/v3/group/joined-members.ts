import type { Member } from '@xmtp-ts/mls'
import { bytesToHex, v3, XmtpError } from '@xmtp-ts/protocol'
import { memberOfLeaf, type Membership } from '@xmtp-ts/protocol/group'

/**
 * The leaves of a group that we are to join are exactly the installations that its membership implies; those that are
 * missing are named as failed (v3-mls §4.4, step 4).
 * @throws XmtpError `client.welcome.badMembers`
 */
export function checkJoinedMembers(
  leaves: readonly Member[],
  membership: Membership,
  stateOf: (inboxId: string, sequenceId: bigint) => v3.AssociationState | undefined,
): void {
  const expected = expectedInstallations(membership, stateOf)
  for (const { leaf } of leaves) {
    const { inboxId, installationId } = memberOfLeaf(leaf)
    const key = bytesToHex(installationId)
    if (expected.get(key) !== inboxId)
      throw badMembers(`${key} is no installation of ${inboxId} as the group names it`)
    expected.delete(key)
  }
  for (const failed of membership.failedInstallations) expected.delete(bytesToHex(failed))
  const [missing] = expected
  if (missing !== undefined) throw badMembers(`${missing[0]} of ${missing[1]} is missing`)
}

/** Installation key in hex to inbox id. */
function expectedInstallations(
  { members }: Membership,
  stateOf: (inboxId: string, sequenceId: bigint) => v3.AssociationState | undefined,
): Map<string, string> {
  const expected = new Map<string, string>()
  for (const [inboxId, sequenceId] of members) {
    const state = sequenceId === 0n ? undefined : stateOf(inboxId, sequenceId)
    if (state === undefined) throw badMembers(`the log of ${inboxId} has nothing at ${sequenceId}`)
    for (const { key } of v3.installationsOf(state)) expected.set(bytesToHex(key), inboxId)
  }
  return expected
}

function badMembers(why: string): XmtpError {
  return new XmtpError('client.welcome.badMembers', `The group of a welcome is refused: ${why}.`)
}
