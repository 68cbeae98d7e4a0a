import type { Codec } from '../codec/tls.ts'
import {
  decode,
  encode,
  opaque,
  optional,
  struct,
  uint16,
  uint32,
  uint64,
  uint8,
  vector,
} from '../codec/tls.ts'
import { findSuite } from '../crypto/suite.ts'
import { MlsError } from '../errors.ts'
import type { GroupConfig } from '../group/config.ts'
import type {
  GroupState,
  GroupStatus,
  PastEpoch,
  PendingProposal,
  ResumptionSecret,
} from '../group/state.ts'
import { groupContextCodec } from '../message/group-context.ts'
import type { ReInit } from '../message/proposal.ts'
import { reInitCodec } from '../message/proposal.ts'
import type { Wire } from '../message/wire.ts'
import { senderCodec } from '../message/wire.ts'
import type { EpochSecrets } from '../schedule/key-schedule.ts'
import type { LeafChangeBack } from './past-leaves.ts'
import { leafDifferences, leafDifferencesCodec, withLeafDifferences } from './past-leaves.ts'
import type { PageAt, PagedTree } from './pages.ts'
import { comparePages } from './pages.ts'
import { pagedSecretTree, readSecretTree } from './secret-pages.ts'
import { pagedRatchetTree, readRatchetTree } from './tree-pages.ts'

/** The layout of the records below; a number that is not known is refused. */
export const recordsVersion = 1

/** What to write and what to delete, in one transaction. Keys are short ASCII text, unique within a group. */
export type RecordChanges = {
  readonly put: ReadonlyMap<string, Uint8Array>
  readonly remove: readonly string[]
}

/** Stored records of one group by key. */
export type Records = { readonly get: (key: string) => Uint8Array | undefined }

type Head = {
  readonly version: number
  readonly cipherSuite: number
  readonly status: number
  readonly reInit: ReInit | undefined
  readonly epoch: bigint
  readonly ownLeaf: number
  readonly treeDepth: number
  readonly confirmationTag: Uint8Array
  readonly interimTranscriptHash: Uint8Array
  readonly nodeKeys: readonly NodeKey[]
  readonly resumption: readonly ResumptionSecret[]
  readonly pastEpochs: readonly bigint[]
}

type NodeKey = { readonly node: number; readonly privateKey: Uint8Array }

const statuses: readonly GroupStatus[] = ['active', 'removed', 'reInit']

const headCodec = struct<Head>({
  version: uint8,
  cipherSuite: uint16,
  status: uint8,
  reInit: optional(reInitCodec),
  epoch: uint64,
  ownLeaf: uint32,
  treeDepth: uint8,
  confirmationTag: opaque,
  interimTranscriptHash: opaque,
  nodeKeys: vector(struct<NodeKey>({ node: uint32, privateKey: opaque })),
  resumption: vector(struct<ResumptionSecret>({ epoch: uint64, secret: opaque })),
  pastEpochs: vector(uint64),
})

type CurrentEpoch = {
  readonly context: Uint8Array
  readonly secretDepth: number
  readonly secrets: EpochSecrets
}

const currentEpochCodec = struct<CurrentEpoch>({
  context: opaque,
  secretDepth: uint8,
  secrets: struct<EpochSecrets>({
    senderDataSecret: opaque,
    exporterSecret: opaque,
    externalSecret: opaque,
    confirmationKey: opaque,
    membershipKey: opaque,
    resumptionPsk: opaque,
    epochAuthenticator: opaque,
    initSecret: opaque,
  }),
})

type StoredPastEpoch = {
  readonly context: Uint8Array
  readonly secretDepth: number
  readonly ownLeaf: number
  readonly senderDataSecret: Uint8Array
  readonly leaves: LeafChangeBack
}

const pastEpochCodec = struct<StoredPastEpoch>({
  context: opaque,
  secretDepth: uint8,
  ownLeaf: uint32,
  senderDataSecret: opaque,
  leaves: leafDifferencesCodec,
})

function proposalsCodec(wire: Wire): Codec<readonly PendingProposal[]> {
  return vector(
    struct<PendingProposal>({
      reference: opaque,
      sender: senderCodec,
      leafPrivateKey: optional(opaque),
      proposal: wire.proposal,
    }),
  )
}

const keys = {
  head: 'group',
  proposals: 'proposals',
  epoch: (epoch: bigint) => `epoch:${epoch}`,
  past: (epoch: bigint) => `past:${epoch}`,
  tree: ({ group, index }: PageAt) => `tree:${group}:${index}`,
  secret: (epoch: bigint, { group, index }: PageAt) => `secret:${epoch}:${group}:${index}`,
}

function encodeHead(state: GroupState): Uint8Array {
  return encode(headCodec, {
    version: recordsVersion,
    cipherSuite: state.suite.id,
    status: statuses.indexOf(state.status),
    reInit: state.reInit,
    epoch: state.context.epoch,
    ownLeaf: state.ownLeaf,
    treeDepth: state.tree.depth,
    confirmationTag: state.confirmationTag,
    interimTranscriptHash: state.interimTranscriptHash,
    nodeKeys: [...state.nodeKeys].map(([node, privateKey]) => ({ node, privateKey })),
    resumption: state.resumption,
    pastEpochs: state.pastEpochs.map(({ epoch }) => epoch),
  })
}

/** Parts whose change means a new head; the sending of a message is none of them. */
function headChanged(before: GroupState, after: GroupState): boolean {
  return (
    before.context !== after.context ||
    before.status !== after.status ||
    before.nodeKeys !== after.nodeKeys ||
    before.pastEpochs.length !== after.pastEpochs.length
  )
}

/**
 * What has to be stored to go from one state of a group to another, or the whole of it. A message read costs a few hundred
 * bytes, a commit in a group of a thousand a few kilobytes. The records hold secrets: store them as such. The signature
 * key is not among them.
 *
 * @param before the state that is stored already; undefined if none is
 */
export function changesSince(before: GroupState | undefined, after: GroupState): RecordChanges {
  const put = new Map<string, Uint8Array>()
  const remove: string[] = []
  if (before === undefined || headChanged(before, after)) put.set(keys.head, encodeHead(after))
  if (before?.proposals !== after.proposals)
    put.set(keys.proposals, encode(proposalsCodec(after.config.wire), after.proposals))
  if (before?.context !== after.context) putEpoch(after, put)
  putPastEpochs(before, after, put, remove)
  const collect = <Node>(
    old: PagedTree<Node> | undefined,
    now: PagedTree<Node> | undefined,
    key: (page: PageAt) => string,
  ) =>
    comparePages(old, now, {
      put: (page, bytes) => put.set(key(page), bytes),
      remove: (page) => remove.push(key(page)),
    })
  collect(before && pagedRatchetTree(before.tree), pagedRatchetTree(after.tree), keys.tree)
  const epochs = new Set([...secretTrees(before).keys(), ...secretTrees(after).keys()])
  for (const epoch of epochs) {
    const old = secretTrees(before).get(epoch)
    const now = secretTrees(after).get(epoch)
    collect(old && pagedSecretTree(old), now && pagedSecretTree(now), (page) =>
      keys.secret(epoch, page),
    )
  }
  if (before !== undefined && before.context.epoch !== after.context.epoch)
    remove.push(keys.epoch(before.context.epoch))
  return { put, remove }
}

function secretTrees(state: GroupState | undefined): Map<bigint, GroupState['secretTree']> {
  if (state === undefined) return new Map()
  const past = state.pastEpochs.map(({ epoch, secretTree }) => [epoch, secretTree] as const)
  return new Map([[state.context.epoch, state.secretTree] as const, ...past])
}

function putEpoch(state: GroupState, put: Map<string, Uint8Array>): void {
  const { context, secrets, secretTree, contextBytes } = state
  const record = { context: contextBytes, secretDepth: secretTree.depth, secrets }
  put.set(keys.epoch(context.epoch), encode(currentEpochCodec, record))
}

function putPastEpochs(
  before: GroupState | undefined,
  after: GroupState,
  put: Map<string, Uint8Array>,
  remove: string[],
): void {
  const stored = new Set(before?.pastEpochs.map(({ epoch }) => epoch))
  const kept = new Set(after.pastEpochs.map(({ epoch }) => epoch))
  for (const epoch of stored) if (!kept.has(epoch)) remove.push(keys.past(epoch))
  let newer = after.tree
  for (const past of after.pastEpochs) {
    if (!stored.has(past.epoch)) {
      const { contextBytes, secretTree, ownLeaf, senderDataSecret } = past
      const leaves = leafDifferences(newer, past.tree)
      const record = {
        context: contextBytes,
        secretDepth: secretTree.depth,
        ownLeaf,
        senderDataSecret,
        leaves,
      }
      put.set(keys.past(past.epoch), encode(pastEpochCodec, record))
    }
    newer = past.tree
  }
}

/** What a group needs beside its records. */
export type LoadOptions = {
  readonly signaturePrivateKey: Uint8Array
  readonly config: GroupConfig
}

/**
 * Reads a group from its records.
 *
 * @throws MlsError `state.*`, `codec.*`, `suite.unsupported`
 */
export function loadGroup(records: Records, options: LoadOptions): GroupState {
  const { config } = options
  const read = <T>(key: string, codec: Codec<T>): T => {
    const bytes = records.get(key)
    if (bytes === undefined) throw new MlsError('state.missingRecord', `Record ${key} is missing.`)
    // A copy: what is read points into it, and secrets in it may be wiped later.
    return decode(codec, bytes.slice())
  }
  const version = records.get(keys.head)?.[0]
  if (version !== undefined && version !== recordsVersion)
    throw new MlsError('state.unsupportedVersion', `The records have version ${version}.`)
  const head = read(keys.head, headCodec)
  const status = statuses[head.status]
  if (status === undefined) throw new MlsError('state.badRecord', `Status is ${head.status}.`)
  const current = read(keys.epoch(head.epoch), currentEpochCodec)
  const secretTree = (epoch: bigint, depth: number) =>
    readSecretTree(depth, (page) => records.get(keys.secret(epoch, page)))
  const tree = readRatchetTree(head.treeDepth, (page) => records.get(keys.tree(page))?.slice())
  const pastEpochs: PastEpoch[] = []
  for (const epoch of head.pastEpochs) {
    const past = read(keys.past(epoch), pastEpochCodec)
    pastEpochs.push({
      epoch,
      contextBytes: past.context,
      tree: withLeafDifferences(pastEpochs.at(-1)?.tree ?? tree, past.leaves),
      ownLeaf: past.ownLeaf,
      senderDataSecret: past.senderDataSecret,
      secretTree: secretTree(epoch, past.secretDepth),
    })
  }
  return {
    suite: findSuite(config.suites, head.cipherSuite),
    config,
    status,
    reInit: head.reInit,
    context: decode(groupContextCodec, current.context),
    contextBytes: current.context,
    tree,
    ownLeaf: head.ownLeaf,
    signaturePrivateKey: options.signaturePrivateKey,
    nodeKeys: new Map(head.nodeKeys.map(({ node, privateKey }) => [node, privateKey])),
    secrets: current.secrets,
    secretTree: secretTree(head.epoch, current.secretDepth),
    confirmationTag: head.confirmationTag,
    interimTranscriptHash: head.interimTranscriptHash,
    proposals: read(keys.proposals, proposalsCodec(config.wire)),
    pastEpochs,
    resumption: head.resumption,
  }
}
