import { createHash } from 'node:crypto'
import {
  adoptCommit,
  chacha20Poly1305Suite,
  createCommit,
  createGroup,
  joinGroup,
  processMessage,
  type CommitOptions,
  type GroupState,
  type Proposal,
  type StagedCommit,
} from '@xmtp-ts/mls'
import { bytesToHex, type Random } from '../src/bytes.ts'
import { installationKey } from '../src/v3/identity/installation.ts'
import {
  ethereumIdentifier,
  installationIdentifier,
  memberKey,
  parseInboxId,
  type InboxId,
} from '../src/v3/identity/identifier.ts'
import type { AssociationState } from '../src/v3/identity/state.ts'
import type { ValidateCommitOptions } from '../src/v3/group/commit.ts'
import type { StateLookup } from '../src/v3/group/commit-installations.ts'
import { groupExtensions, readGroupContent, type GroupContent } from '../src/v3/group/extensions.ts'
import {
  createInstallationKeyPackage,
  groupConfig,
  type InstallationKeyPackage,
} from '../src/v3/group/key-package.ts'
import { policyPresets } from '../src/v3/group/policies.ts'

/** A reproducible source of bytes. */
export function seeded(seed: string): Random {
  let counter = 0
  return (sizeBytes) => {
    const blocks: Buffer[] = []
    for (let made = 0; made < sizeBytes; made += 32)
      blocks.push(createHash('sha256').update(`${seed}/${counter++}`).digest())
    return Uint8Array.from(Buffer.concat(blocks).subarray(0, sizeBytes))
  }
}

export const nowSeconds = 1_800_000_000n

/** One app instance. */
export type Installation = {
  readonly inboxId: InboxId
  readonly secret: Uint8Array
  readonly key: Uint8Array
}

export function installation(inboxId: InboxId, name: string): Installation {
  const secret = seeded(`installation/${name}`)(32)
  return { inboxId, secret, key: installationKey(secret) }
}

export function keyPackage(
  { secret, inboxId }: Installation,
  random: Random,
): Promise<InstallationKeyPackage> {
  return createInstallationKeyPackage({
    installationSecretKey: secret,
    inboxId,
    nowSeconds,
    random,
    postQuantum: false,
  })
}

export function inbox(name: string): InboxId {
  return parseInboxId(createHash('sha256').update(`inbox/${name}`).digest('hex'))
}

/** What a log amounts to, as far as groups look at it. */
export function inboxState(
  inboxId: InboxId,
  installations: readonly Installation[],
  updateCount = 1,
): AssociationState {
  const members = installations.map(({ key }) => installationIdentifier(key))
  return {
    inboxId,
    members: new Map(
      members.map((identifier) => [
        memberKey(identifier),
        {
          identifier,
          addedBy: undefined,
          clientTimestampNs: undefined,
          addedOnChainId: undefined,
        },
      ]),
    ),
    recovery: ethereumIdentifier(`0x${'11'.repeat(20)}`),
    seenSignatures: new Uint8Array(),
    updateCount,
  }
}

/** The logs of all inboxes: their states by sequence id. */
export type Logs = Map<InboxId, Map<bigint, AssociationState>>

export const lookupIn =
  (logs: Logs): StateLookup =>
  (inboxId, sequenceId) =>
    logs.get(inboxId)?.get(sequenceId)

/** Appends an update to a log. */
export function append(logs: Logs, state: AssociationState, sequenceId: bigint): void {
  logs.set(state.inboxId, new Map([...(logs.get(state.inboxId) ?? []), [sequenceId, state]]))
}

export const startContent = (creator: InboxId, changes: Partial<GroupContent> = {}) => ({
  metadata: { type: 'group', creatorInboxId: creator } as const,
  mutableMetadata: {
    attributes: new Map([['group_name', 'start']]),
    admins: [],
    superAdmins: [creator],
  },
  membership: { members: new Map([[creator as string, 0n]]), failedInstallations: [] },
  policies: policyPresets.default,
  ...changes,
})

/** A group of one. */
export async function newGroup(
  creator: Installation,
  content: GroupContent,
  random: Random,
): Promise<GroupState> {
  const { own } = await keyPackage(creator, random)
  return createGroup({
    suite: chacha20Poly1305Suite,
    groupId: random(16),
    own,
    signaturePrivateKey: creator.secret,
    extensions: groupExtensions(content),
    config: groupConfig,
    random,
  })
}

export const contentOf = (state: GroupState) => readGroupContent(state.context.extensions)

export const extensionsProposal = (extensions: GroupState['context']['extensions']): Proposal => ({
  kind: 'groupContextExtensions',
  extensions,
})

/** Makes a commit and shows it to another member. */
export async function commitTo(
  author: GroupState,
  reader: GroupState,
  options: Omit<CommitOptions, 'random'>,
  random: Random,
) {
  const made = await createCommit(author, { random, ...options })
  const received = await processMessage(
    reader,
    made.message,
    options.psk ? { psk: options.psk } : {},
  )
  if (received.kind !== 'commit') throw new Error(`It is a ${received.kind}.`)
  return { made, received: received.state, staged: received.staged }
}

export async function joinBy(
  welcome: Uint8Array,
  own: InstallationKeyPackage,
  { secret }: Installation,
): Promise<GroupState> {
  const { state } = await joinGroup(welcome, {
    keyPackages: [own.own],
    signaturePrivateKey: secret,
    config: groupConfig,
  })
  return state
}

/** Three inboxes, each with one installation, in one group; alix made it and is super admin. */
export type Trio = {
  readonly alix: Installation
  readonly bo: Installation
  readonly caro: Installation
  readonly states: { readonly alix: GroupState; readonly bo: GroupState; readonly caro: GroupState }
  readonly logs: Logs
  readonly random: Random
  readonly content: GroupContent
}

export async function trio(changes: Partial<GroupContent> = {}): Promise<Trio> {
  const random = seeded('trio')
  const [alix, bo, caro] = ['alix', 'bo', 'caro'].map((name) => installation(inbox(name), name))
  if (!alix || !bo || !caro) throw new Error('Nobody is here.')
  const logs: Logs = new Map()
  for (const [index, one] of [alix, bo, caro].entries())
    append(logs, inboxState(one.inboxId, [one]), BigInt(index + 1))
  const members = new Map<string, bigint>([
    [alix.inboxId, 1n],
    [bo.inboxId, 2n],
    [caro.inboxId, 3n],
  ])
  const membership = { members, failedInstallations: [] }
  const content = startContent(alix.inboxId, { membership, ...changes })
  const created = await newGroup(alix, content, random)
  const packages = { bo: await keyPackage(bo, random), caro: await keyPackage(caro, random) }
  const made = await createCommit(created, {
    proposals: [packages.bo, packages.caro].map(({ own }) => ({
      kind: 'add',
      keyPackage: own.keyPackage,
    })),
    random,
  })
  const welcome = made.welcome ?? new Uint8Array()
  return {
    alix,
    bo,
    caro,
    states: {
      alix: adoptCommit(made.state, made.staged),
      bo: await joinBy(welcome, packages.bo, bo),
      caro: await joinBy(welcome, packages.caro, caro),
    },
    logs,
    random,
    content,
  }
}

/** What a reader brings to the validation of a commit. */
export function question(
  { logs, content }: Pick<Trio, 'logs' | 'content'>,
  state: GroupState,
  staged: StagedCommit,
): ValidateCommitOptions {
  return {
    state,
    staged,
    states: lookupIn(logs),
    hasUpdates: (inboxId, after, upTo) =>
      [...(logs.get(inboxId)?.keys() ?? [])].some((id) => id > after && id <= upTo),
    ownVersion: '1.10.0',
    trusted: content.metadata,
  }
}

export const hexOf = (keys: readonly Uint8Array[]) => keys.map(bytesToHex)
