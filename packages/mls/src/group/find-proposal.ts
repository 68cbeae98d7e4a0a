import { toHex } from '../bytes.ts'
import { MlsError } from '../errors.ts'
import type { GroupState, PendingProposal } from './state.ts'

/**
 * Finds proposals that wait, by name: a commit may name thousands.
 *
 * @throws MlsError `proposal.unknownReference` (the function that is returned)
 */
export function proposalFinder(state: GroupState): (reference: Uint8Array) => PendingProposal {
  const byName = new Map(state.proposals.map((pending) => [toHex(pending.reference), pending]))
  return (reference) => {
    const found = byName.get(toHex(reference))
    if (found === undefined)
      throw new MlsError('proposal.unknownReference', 'No such proposal was sent in this epoch.')
    return found
  }
}
