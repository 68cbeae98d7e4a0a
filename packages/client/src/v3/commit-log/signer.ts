import { bytesFromHex, bytesToHex, equalBytes, v3 } from '@xmtp-ts/protocol'
import { attributeNames, decodeMutableMetadata } from '@xmtp-ts/protocol/group'
import type { CommitLogState, Conversation } from '@xmtp-ts/proto/store/v1/store'
import { changeAttribute } from '../conversation/plans.ts'
import type { Core } from '../core.ts'
import { keptTypeOf } from '../group/conversation-row.ts'
import { changeLogState } from './state.ts'

const seedBytes = 32

/**
 * The seed that the commit log of a group is signed with (v3-mls §3.9): the one that this client has used before, else the one
 * in the group's metadata; where nobody has published yet and there is none, a new one. Where the group has agreed on
 * a key that this client does not have, it cannot publish.
 */
export async function signingSeed(
  core: Core,
  id: string,
  row: Conversation,
): Promise<Uint8Array | undefined> {
  let seed: Uint8Array | undefined
  await changeLogState(core, id, async (state) => {
    const isAgreed = (one: Uint8Array) => isOfGroup(state, one)
    if (state.signingSeed.length > 0 && isAgreed(state.signingSeed)) {
      seed = state.signingSeed
      return undefined
    }
    const shared = sharedSeed(row)
    if (shared !== undefined && isAgreed(shared)) seed = shared
    else if (state.publicKey.length === 0) seed = core.environment.random(seedBytes)
    else seed = undefined
    return seed && { signingSeed: seed }
  })
  return seed
}

/**
 * Tells the other members a key that this client had to make, once the group's log has begun with it. Direct messages
 * cannot: their metadata has no admins.
 * @throws as `changeAttribute`
 */
export async function shareSeed(
  core: Core,
  row: Conversation,
  state: CommitLogState,
): Promise<void> {
  if (keptTypeOf(row) !== 'group' || state.publicKey.length === 0) return
  const { signingSeed: own } = state
  if (own.length === 0 || !isOfGroup(state, own)) return
  const shared = sharedSeed(row)
  if (shared !== undefined && isOfGroup(state, shared)) return
  const id = bytesToHex(row.groupId)
  await changeAttribute(core, id, [attributeNames.commitLogSigner, bytesToHex(own)])
}

/** Whether a key is the one that the group has agreed on, or it has agreed on none. */
function isOfGroup({ publicKey }: CommitLogState, seed: Uint8Array): boolean {
  return publicKey.length === 0 || equalBytes(v3.commitLogKey(seed), publicKey)
}

function sharedSeed({ mutableMetadata }: Conversation): Uint8Array | undefined {
  const { attributes } = decodeMutableMetadata(mutableMetadata)
  const seed = bytesFromHex(attributes.get(attributeNames.commitLogSigner) ?? '')
  return seed?.length === seedBytes ? seed : undefined
}
