import { chanceOf, type Chance } from '../../../support/chance.ts'
import type { PolicyChange } from './peer.ts'

/** Peers by their place: three of ours, three of libxmtp. The last of each comes and goes. */
export const guests = [2, 5] as const
const peerCount = 6

/** Who makes the group: one of ours, or of libxmtp. */
export function founderOf(seed: number): number {
  return seed % 2 === 0 ? 0 : 3
}

export type Operation = {
  readonly number: number
  readonly by: number
  readonly delayMs: number
} & (
  | { readonly kind: 'say' | 'rename' | 'describe' | 'leave' }
  | { readonly kind: 'sync' | 'restart' | 'restartNode' }
  | { readonly kind: 'add' | 'remove'; readonly whom: number }
  | {
      readonly kind: 'promote' | 'demote'
      readonly whom: number
      readonly list: 'admin' | 'superAdmin'
    }
  | { readonly kind: 'setPolicy'; readonly change: PolicyChange }
)

type Kind = Operation['kind']

/** Out of a hundred. */
const shares: readonly (readonly [Kind, number])[] = [
  ['say', 46],
  ['sync', 15],
  ['rename', 8],
  ['describe', 4],
  ['add', 7],
  ['remove', 4],
  ['promote', 3],
  ['demote', 3],
  ['setPolicy', 3],
  ['leave', 2],
  ['restart', 4],
  ['restartNode', 1],
]

/** Rounds of one to four operations that happen at the same time; the same for the same seed. */
export function planOperations(seed: number, count: number): readonly (readonly Operation[])[] {
  const chance = chanceOf(seed)
  const rounds: Operation[][] = []
  for (let number = 0; number < count;) {
    const width = Math.min(1 + chance(4), count - number)
    rounds.push(
      Array.from({ length: width }, () =>
        planOne(chance, { number: number++, founder: founderOf(seed) }),
      ),
    )
  }
  return rounds
}

function planOne(
  chance: Chance,
  { number, founder }: { readonly number: number; readonly founder: number },
): Operation {
  const kind = kindAt(chance(100))
  const guest = guests[chance(guests.length)]!
  const by = kind === 'leave' ? guest : chance(peerCount)
  const delayMs = chance(4) === 0 ? chance(60) : 0
  const begun = { number, by, delayMs }
  switch (kind) {
    case 'add':
    case 'remove':
      return { ...begun, kind, whom: guest }
    case 'promote':
    case 'demote':
      return {
        ...begun,
        kind,
        whom: (founder + 1 + chance(peerCount - 1)) % peerCount,
        list: chance(2) === 0 ? 'admin' : 'superAdmin',
      }
    case 'setPolicy':
      return { ...begun, kind, change: planPolicy(chance) }
    case 'say':
    case 'rename':
    case 'describe':
    case 'leave':
      return { ...begun, kind }
    case 'sync':
    case 'restart':
    case 'restartNode':
    default:
      return { ...begun, kind }
  }
}

function kindAt(place: number): Kind {
  let before = 0
  for (const [kind, share] of shares) {
    before += share
    if (place < before) return kind
  }
  return 'say'
}

function planPolicy(chance: Chance): PolicyChange {
  const policy = (['allow', 'admin', 'superAdmin'] as const)[chance(3)]!
  const what = chance(4)
  if (what === 0) return { kind: 'addMember', policy }
  if (what === 1) return { kind: 'removeMember', policy }
  return { kind: 'updateMetadata', policy, field: what === 2 ? 'name' : 'description' }
}

export function describeOperation(operation: Operation): string {
  const { number, by, kind } = operation
  const begun = `${number} by ${by}: ${kind}`
  if ('list' in operation) return `${begun} ${operation.whom} as ${operation.list}`
  if ('whom' in operation) return `${begun} ${operation.whom}`
  if (operation.kind !== 'setPolicy') return begun
  const { change } = operation
  return `${begun} ${change.kind} ${change.field ?? ''} ${change.policy}`
}
