import { equal } from '../bytes.ts'
import { MlsError } from '../errors.ts'
import type { GroupState, PendingProposal } from './state.ts'

/**
 * A proposal that waits, by its name.
 *
 * @throws MlsError `proposal.unknownReference`
 */
export function findProposal(state: GroupState, reference: Uint8Array): PendingProposal {
  const found = state.proposals.find((pending) => equal(pending.reference, reference))
  if (found === undefined)
    throw new MlsError('proposal.unknownReference', 'No such proposal was sent in this epoch.')
  return found
}
