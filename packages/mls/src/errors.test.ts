import { beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../test/world.ts'
import { client, seeded } from '../test/world.ts'
import { ascii, concat, empty } from './bytes.ts'
import { decode, encode, opaque, optional, uint8, vector } from './codec/tls.ts'
import { suiteOf } from './crypto/suites.ts'
import { encryptionInfo, encryptTo, signWithLabel } from './crypto/suite.ts'
import { errorCodes } from './error-codes.ts'
import type { MlsErrorCode } from './errors.ts'
import { MlsError } from './errors.ts'
import type { AppliedProposals } from './group/apply.ts'
import { buildCommit, createCommit, makePath } from './group/commit.ts'
import { defaultConfig } from './group/default-config.ts'
import { createGroup } from './group/create.ts'
import { joinByExternalCommit, proposeAsExternalSender } from './group/external.ts'
import { checkGroupInfo, createGroupInfo, exportGroupInfo } from './group/group-info.ts'
import { joinGroup } from './group/join.ts'
import { basicCapabilities, checkKeyPackage, keyPackageReference } from './group/key-package.ts'
import { processMessage } from './group/process.ts'
import { checkProposalList } from './group/proposal-rules.ts'
import { encryptMessage, frame, propose, signAsMember, withProposal } from './group/send.ts'
import { adoptCommit } from './group/staged-commit.ts'
import type { GroupState } from './group/state.ts'
import { memberAt } from './group/state.ts'
import { openNext, setupReceiver, setupSender } from './hpke/hpke.ts'
import { limits } from './limits.ts'
import { groupContextCodec } from './message/group-context.ts'
import type { PreSharedKeyId, Proposal } from './message/proposal.ts'
import { openSenderData, signContent, toPrivateMessage } from './message/protect.ts'
import type { Commit, MessageBody, Sender, UpdatePath } from './message/wire.ts'
import type { GroupInfo } from './message/welcome.ts'
import { decodeMessage, standardWire } from './message/wire.ts'
import { groupInfoCodec, groupInfoTbsCodec, groupSecretsCodec } from './message/welcome.ts'
import { memberSecretOf, pskSecretOf, welcomeKeys } from './schedule/key-schedule.ts'
import { takeKey } from './schedule/secret-tree.ts'
import { changesSince, loadGroup } from './state/records.ts'
import { externalSendersExtension, requiredCapabilitiesExtension } from './tree/extension.ts'
import type { KeyPackage } from './tree/key-package.ts'
import { keyPackageTbs } from './tree/key-package.ts'
import type { LeafNode, UnsignedLeafNode } from './tree/leaf-node.ts'
import { signLeaf } from './tree/leaf-rules.ts'
import { createPath, encryptPath } from './tree/path.ts'
import { branch, decodeParent, parentNodeCodec, treeFrom, withPath } from './tree/ratchet-tree.ts'
import { removeLeaf, withRoom } from './tree/members.ts'
import { decodeTree, encodeTree } from './tree/tree-codec.ts'
import { treeHash } from './tree/tree-hash.ts'
import { checkTree } from './tree/validate.ts'

/**
 * One scenario per code of the table: each breaks that one rule, in a group of three whose states are values, so that no
 * scenario can disturb another.
 */
const random = seeded('errors')
const suite = suiteOf(3)
const nowSeconds = 1500n
const settings = { capabilities: { extensions: [0xff00, 6], proposals: [8, 10] } }
// What two of the three can do, and the third cannot.
const more = { capabilities: { extensions: [0xff00, 0xff01, 6], proposals: [8, 9, 10] } }
const noPlace = { groupId: empty, leafIndex: 0 }
const pskId: PreSharedKeyId = { kind: 'external', id: ascii('psk'), nonce: new Uint8Array(32) }

type Party = { client: Client; state: GroupState }
let a: Party
let b: Party
let c: Party
let newcomer: Client
let outsiderKey: Uint8Array

beforeAll(async () => {
  outsiderKey = random(32)
  const clients = [
    await client('a', random, more),
    await client('b', random, more),
    await client('c', random, settings),
  ]
  newcomer = await client('newcomer', random, settings)
  const outsider = {
    signatureKey: await suite.signature.publicKey(outsiderKey),
    credential: newcomer.own.keyPackage.leafNode.credential,
  }
  const alone = createGroup({
    suite,
    groupId: ascii('errors'),
    own: clients[0]!.own,
    signaturePrivateKey: clients[0]!.signaturePrivateKey,
    extensions: [externalSendersExtension([outsider])],
    config: { ...defaultConfig, handshakeFormat: 'public' },
    random,
  })
  const commit = await createCommit(alone, {
    proposals: clients
      .slice(1)
      .map((added) => ({ kind: 'add', keyPackage: added.own.keyPackage }) as const),
    random,
  })
  a = { client: clients[0]!, state: adoptCommit(commit.state, commit.staged) }
  const join = async (joiner: Client): Promise<Party> => {
    const { signaturePrivateKey, own } = joiner
    const config = { ...defaultConfig, handshakeFormat: 'public' as const }
    const joined = await joinGroup(commit.welcome!, {
      keyPackages: [own],
      signaturePrivateKey,
      config,
    })
    return { client: joiner, state: joined.state }
  }
  b = await join(clients[1]!)
  c = await join(clients[2]!)
})

/** A key package with some of its fields changed, signed anew. */
async function packageWith(
  leafChange: Partial<UnsignedLeafNode>,
  change: Partial<KeyPackage> = {},
  key = newcomer.signaturePrivateKey,
): Promise<KeyPackage> {
  const base = newcomer.own.keyPackage
  const signatureKey = await suite.signature.publicKey(key)
  const leafNode = await signLeaf(
    suite,
    { ...base.leafNode, signatureKey, ...leafChange },
    noPlace,
    key,
  )
  const unsigned = { ...base, leafNode, ...change }
  const signature = await signWithLabel(suite, key, 'KeyPackageTBS', keyPackageTbs(unsigned))
  return { ...unsigned, signature }
}

const checkLeafChange = async (change: Partial<UnsignedLeafNode>) =>
  checkKeyPackage(suite, await packageWith(change), nowSeconds)
const capabilities = (change: object) => ({
  capabilities: { ...newcomer.own.keyPackage.leafNode.capabilities, ...change },
})

const commitWith = (proposals: Proposal[], party = a) =>
  createCommit(party.state, { proposals, random, nowSeconds })

/** A commit that its maker did not check: proposals as they are, applied to nothing. */
async function uncheckedCommit(proposals: Proposal[], withPath: boolean): Promise<Uint8Array> {
  const { state } = b
  const nothing: AppliedProposals = {
    tree: state.tree,
    extensions: state.context.extensions,
    added: [],
    removed: [],
    updated: [],
    psks: [],
    reInit: undefined,
    kemOutput: undefined,
    needsPath: false,
  }
  const entries = proposals.map((proposal) => ({ kind: 'proposal' as const, proposal }))
  return (await buildCommit(state, entries, [], nothing, { random, withPath })).message
}

const receiveUnchecked = async (proposals: Proposal[], withPath = true) =>
  processMessage(a.state, await uncheckedCommit(proposals, withPath))

/** A commit of b with any content, well signed, its confirmation tag made up. */
async function sendCommit(commit: Commit): Promise<Uint8Array> {
  const signed = await signAsMember(b.state, 1, { kind: 'commit', commit }, empty)
  const auth = { ...signed.auth, confirmationTag: new Uint8Array(32) }
  return frame(b.state, { ...signed, auth }, random).message
}

async function goodPath(): Promise<UpdatePath> {
  const { context, ownLeaf, signaturePrivateKey, tree } = b.state
  const { leaf } = memberAt(tree, ownLeaf)
  const maker = { suite, context, leafIndex: ownLeaf, leaf, signaturePrivateKey, random }
  const applied = { extensions: context.extensions, added: [] } as unknown as AppliedProposals
  return (await makePath(maker, applied, tree)).encrypted
}

const receivePath = async (change: (path: UpdatePath) => UpdatePath) =>
  processMessage(a.state, await sendCommit({ proposals: [], path: change(await goodPath()) }))

/** A public message of b with any body and sender. */
async function publicMessage(body: MessageBody, sender: Sender): Promise<Uint8Array> {
  const { context, contextBytes, signaturePrivateKey } = b.state
  const { groupId, epoch } = context
  const content = { groupId, epoch, sender, authenticatedData: empty, body }
  const key = signaturePrivateKey
  const signed = await signContent(suite, standardWire, 1, content, contextBytes, key)
  if (sender.kind === 'member') return frame(b.state, signed, random).message
  const message = { content, auth: signed.auth, membershipTag: undefined }
  return encode(standardWire.message, { kind: 'publicMessage', message })
}

async function privateFromB(): Promise<Uint8Array> {
  return (await encryptMessage(b.state, ascii('hello'), { random })).message
}

async function changedPrivate(
  change: (message: { encryptedSenderData: Uint8Array; ciphertext: Uint8Array }) => void,
): Promise<unknown> {
  const decoded = decodeMessage((await privateFromB()).slice())
  if (decoded.kind !== 'privateMessage') throw new Error('not private')
  change(decoded.message)
  return processMessage(a.state, encode(standardWire.message, decoded))
}

/** A message whose padding is not zeros: opened and sealed again with its own key. */
async function badlyPadded(): Promise<Uint8Array> {
  const { secrets, secretTree, ownLeaf } = b.state
  const decoded = decodeMessage(await privateFromB())
  if (decoded.kind !== 'privateMessage') throw new Error('not private')
  const { message } = decoded
  const sender = openSenderData(suite, secrets.senderDataSecret, message)
  const { key } = takeKey(suite, secretTree, ownLeaf, 'application', 0, defaultConfig)
  const nonce = key.nonce.slice()
  sender.reuseGuard.forEach((byte, i) => (nonce[i]! ^= byte))
  const aad = concat(
    encode(opaque, message.groupId),
    Uint8Array.of(0, 0, 0, 0, 0, 0, 0, Number(message.epoch), 1, 0),
  )
  const plaintext = suite.hpke.aead.open(key.key, nonce, aad, message.ciphertext)!
  const padded = concat(plaintext, Uint8Array.of(0, 1))
  const ciphertext = suite.hpke.aead.seal(key.key, nonce, aad, padded)
  // Sealing an empty message the ordinary way gives sender data for any ciphertext of our choice.
  const { content, auth } = await signAsMember(
    b.state,
    2,
    { kind: 'application', data: empty },
    empty,
  )
  const resealed = toPrivateMessage(
    { ...suite, hpke: { ...suite.hpke, aead: { ...suite.hpke.aead, seal: sealTo(ciphertext) } } },
    standardWire,
    { wireFormat: 2, content, auth },
    { senderDataSecret: secrets.senderDataSecret, key, sender, paddedTo: 0 },
  )
  return encode(standardWire.message, { kind: 'privateMessage', message: resealed })
}

/** A seal that gives a fixed content ciphertext first and works as usual then. */
function sealTo(ciphertext: Uint8Array): typeof suite.hpke.aead.seal {
  let first = true
  return (...args) => {
    if (!first) return suite.hpke.aead.seal(...args)
    first = false
    return ciphertext
  }
}

type WelcomeChange = {
  info?: Partial<GroupInfo>
  otherKey?: boolean
  pathSecret?: Uint8Array
  psks?: PreSharedKeyId[]
  tree?: GroupState['tree']
  initKey?: Uint8Array
}

/** A welcome to the newcomer, made by hand for a group it is really in, with some of it changed. */
async function receiveWelcome(change: WelcomeChange): Promise<unknown> {
  const { keyPackage } = newcomer.own
  const commit = await commitWith([{ kind: 'add', keyPackage }])
  const { next } = commit.staged
  const tree = change.tree ?? next.tree
  const joinerSecret = random(32)
  const secret = new Uint8Array(32)
  const psks = (change.psks ?? []).map((id) => ({ id, secret }))
  const memberSecret = memberSecretOf(suite, joinerSecret, pskSecretOf(suite, psks))
  const base = await createGroupInfo(
    { ...next, tree },
    { withRatchetTree: true, withExternalPub: false },
  )
  const unsigned = {
    ...base,
    context: { ...base.context, treeHash: treeHash(suite, tree) },
    ...change.info,
  }
  const tbs = encode(groupInfoTbsCodec, unsigned)
  const signature = await signWithLabel(suite, next.signaturePrivateKey, 'GroupInfoTBS', tbs)
  const { key, nonce } = welcomeKeys(suite, change.otherKey ? random(32) : memberSecret)
  const info = encode(groupInfoCodec, { ...unsigned, signature })
  const encryptedGroupInfo = suite.hpke.aead.seal(key, nonce, empty, info)
  const { pathSecret } = change
  const groupSecrets = encode(groupSecretsCodec, {
    joinerSecret,
    pathSecret: pathSecret && { pathSecret },
    psks: change.psks ?? [],
  })
  const welcome = {
    cipherSuite: 3,
    secrets: [
      {
        newMember: keyPackageReference(suite, keyPackage),
        encryptedGroupSecrets: await encryptTo(
          encryptionInfo(suite, 'Welcome', encryptedGroupInfo),
          change.initKey ?? keyPackage.initKey,
          groupSecrets,
          random,
        ),
      },
    ],
    encryptedGroupInfo,
  }
  return joinGroup(encode(standardWire.message, { kind: 'welcome', welcome }), {
    keyPackages: [newcomer.own],
    signaturePrivateKey: newcomer.signaturePrivateKey,
    config: defaultConfig,
    psk: () => secret,
  })
}

const realWelcome = async () => {
  const commit = await commitWith([{ kind: 'add', keyPackage: newcomer.own.keyPackage }])
  return commit.welcome!
}

async function groupInfo(withRatchetTree = true): Promise<GroupInfo> {
  return createGroupInfo(a.state, { withRatchetTree, withExternalPub: true })
}

/** The tree after b's commit, where parents are set, with the root's parent changed. */
async function treeWithRoot(
  change: (key: Uint8Array) => { encryptionKey?: Uint8Array; unmergedLeaves?: number[] },
): Promise<void> {
  const commit = await commitWith([], b)
  const { tree } = commit.staged.next
  const root = 2 ** tree.depth - 1
  const leaf = encodeLeaf(tree, 0)
  const changed = (bytes: Uint8Array) => {
    const parent = decodeParent(bytes)
    return encode(parentNodeCodec, { ...parent, ...change(parent.encryptionKey) })
  }
  checkTree(
    suite,
    withPath(tree, 0, leaf, (parent, node) => (parent && node === root ? changed(parent) : parent)),
  )
}

function encodeLeaf(tree: GroupState['tree'], leafIndex: number): Uint8Array {
  let found = empty
  const walk = (child: GroupState['tree']['root'], first: number, width: number): void => {
    if (child instanceof Uint8Array) {
      if (first === leafIndex) found = child
    } else if (child) {
      walk(child.left, first, width / 2)
      walk(child.right, first + width / 2, width / 2)
    }
  }
  walk(tree.root, 0, 2 ** tree.depth)
  return found
}

const inline = (proposals: Proposal[], committer: number | undefined) =>
  checkProposalList(
    suite,
    a.state.context,
    proposals.map((proposal) => ({
      proposal,
      sender: { kind: 'newMemberCommit' } as const,
      byReference: false,
    })),
    committer,
  )

const outside = (proposal: Proposal, senderIndex = 0) =>
  proposeAsExternalSender(
    {
      config: defaultConfig,
      suite,
      groupId: a.state.context.groupId,
      epoch: a.state.context.epoch,
      proposal,
      signaturePrivateKey: outsiderKey,
    },
    senderIndex,
  )

const keyPackageOf = (party: Party) => party.client.own.keyPackage
const remove = (leafIndex: number) => ({ kind: 'remove', removed: leafIndex }) as const
const extensionsOf = (types: number[]): Proposal => ({
  kind: 'groupContextExtensions',
  extensions: types.map((type) => ({ type, data: empty })),
})
const appData = (componentId: number, kind: 'update' | 'remove'): Proposal => ({
  kind: 'appDataUpdate',
  componentId,
  update: kind === 'update' ? { kind, data: empty } : { kind },
})
const reInit = (version: number): Proposal => ({
  kind: 'reInit',
  groupId: ascii('next'),
  version,
  cipherSuite: 3,
  extensions: [],
})
const records = () => new Map(changesSince(undefined, a.state).put)
const load = (from: Map<string, Uint8Array>) =>
  loadGroup(from, { config: defaultConfig, signaturePrivateKey: a.client.signaturePrivateKey })
const updateLeaf = async (change: Partial<UnsignedLeafNode>): Promise<LeafNode> => {
  const { leaf } = memberAt(b.state.tree, b.state.ownLeaf)
  const place = { groupId: b.state.context.groupId, leafIndex: b.state.ownLeaf }
  const unsigned: UnsignedLeafNode = { ...leaf, source: { kind: 'update' }, ...change }
  return signLeaf(suite, unsigned, place, b.state.signaturePrivateKey)
}

const scenarios: Record<MlsErrorCode, () => unknown> = {
  'codec.truncated': async () => decodeMessage((await privateFromB()).slice(0, -1)),
  'codec.trailingBytes': async () => decodeMessage(concat(await privateFromB(), Uint8Array.of(0))),
  'codec.reservedLength': () => decode(opaque, new Uint8Array(9).fill(0xc0)),
  'codec.nonMinimalLength': () => decode(opaque, Uint8Array.of(0x40, 0x00)),
  'codec.badOptional': () => decode(optional(uint8), Uint8Array.of(2, 0)),
  'codec.unknownValue': () => decodeMessage(Uint8Array.of(0, 1, 0, 9)),
  'codec.tooLarge': () =>
    decode(vector(uint8), encode(opaque, new Uint8Array(limits.vectorItems + 1))),

  'suite.unsupported': () => suiteOf(2),
  'crypto.badKey': () => setupSender(suite.hpke, new Uint8Array(32), empty, random),
  'hpke.openFailed': async () => {
    const keys = await suite.hpke.kem.deriveKeyPair(random(32))
    const { kemOutput } = await setupSender(suite.hpke, keys.publicKey, empty, random)
    return openNext(await setupReceiver(suite.hpke, kemOutput, keys, empty), empty, random(32))
  },

  'message.unsupportedVersion': () => decodeMessage(Uint8Array.of(0, 2, 0, 1)),
  'message.unexpectedWireFormat': async () => processMessage(a.state, await realWelcome()),
  'message.wrongGroup': async () => {
    const { own, signaturePrivateKey } = b.client
    const groupId = ascii('elsewhere')
    const other = createGroup({
      config: defaultConfig,
      suite,
      groupId,
      own,
      signaturePrivateKey,
      random,
    })
    const sent = await encryptMessage(other, empty, { random })
    return processMessage(a.state, sent.message)
  },
  'message.epochInFuture': async () => {
    const commit = await commitWith([], b)
    const ahead = adoptCommit(commit.state, commit.staged)
    return processMessage(a.state, (await encryptMessage(ahead, empty, { random })).message)
  },
  'message.epochTooOld': async () => {
    const commit = await commitWith([])
    const rival = await commitWith([], b)
    return processMessage(adoptCommit(commit.state, commit.staged), rival.message)
  },
  'message.unknownSender': async () => processMessage(a.state, await outside(remove(1), 7)),
  'message.senderNotAllowed': async () =>
    processMessage(
      a.state,
      await publicMessage({ kind: 'proposal', proposal: remove(0) }, { kind: 'newMemberCommit' }),
    ),
  'message.badSignature': async () => {
    const forged = { ...b.state, signaturePrivateKey: random(32) }
    return processMessage(a.state, (await propose(forged, remove(2), { random })).message)
  },
  'message.applicationInPublic': async () =>
    processMessage(
      a.state,
      await publicMessage(
        { kind: 'application', data: empty },
        { kind: 'member', leafIndex: b.state.ownLeaf },
      ),
    ),
  'message.badMembershipTag': async () => {
    const secrets = { ...b.state.secrets, membershipKey: random(32) }
    const sent = await propose({ ...b.state, secrets }, remove(2), { random })
    return processMessage(a.state, sent.message)
  },
  'message.senderDataUndecryptable': () =>
    changedPrivate((message) => (message.encryptedSenderData[0]! ^= 1)),
  'message.undecryptable': () =>
    changedPrivate((message) => (message.ciphertext[message.ciphertext.length - 1]! ^= 1)),
  'message.badPadding': async () => processMessage(a.state, await badlyPadded()),
  'message.fromSelf': async () => processMessage(b.state, await privateFromB()),
  'message.generationTooFar': async () => {
    let { state } = b
    let message = empty
    for (let i = 0; i < 4; i++)
      ({ state, message } = await encryptMessage(state, empty, { random }))
    const config = { ...a.state.config, forwardDistance: 2 }
    return processMessage({ ...a.state, config }, message)
  },
  'message.generationSpent': async () => {
    const message = await privateFromB()
    return processMessage((await processMessage(a.state, message)).state, message)
  },
  'message.tooManyProposals': () => {
    const pending = {
      reference: empty,
      proposal: remove(1),
      sender: { kind: 'newMemberProposal' },
      leafPrivateKey: undefined,
    } as const
    const proposals = Array.from({ length: limits.pendingProposals }, () => pending)
    return withProposal({ ...a.state, proposals }, pending)
  },

  'leaf.badSignature': async () => {
    const keyPackage = newcomer.own.keyPackage
    const leafNode = { ...keyPackage.leafNode, signature: new Uint8Array(64) }
    return checkKeyPackage(suite, { ...keyPackage, leafNode }, nowSeconds)
  },
  'leaf.wrongSource': () => checkLeafChange({ source: { kind: 'update' } }),
  'leaf.notYetValid': () => checkKeyPackage(suite, newcomer.own.keyPackage, 999n),
  'leaf.expired': () => checkKeyPackage(suite, newcomer.own.keyPackage, 2001n),
  'leaf.versionNotInCapabilities': () => checkLeafChange(capabilities({ versions: [2] })),
  'leaf.suiteNotInCapabilities': () => checkLeafChange(capabilities({ cipherSuites: [1] })),
  'leaf.extensionNotInCapabilities': () =>
    checkLeafChange({ extensions: [{ type: 0xff77, data: empty }] }),
  'leaf.credentialNotInCapabilities': () => checkLeafChange(capabilities({ credentials: [2] })),
  'leaf.requiredCapabilityMissing': () =>
    commitWith([
      {
        kind: 'groupContextExtensions',
        extensions: [
          requiredCapabilitiesExtension({ extensions: [], proposals: [9], credentials: [] }),
        ],
      },
    ]),
  'leaf.groupExtensionUnsupported': () => commitWith([extensionsOf([0xff01])]),
  'leaf.credentialUnsupportedByMember': async () =>
    commitWith([
      {
        kind: 'add',
        keyPackage: await packageWith({
          credential: { type: 2, certificates: [ascii('certificate')] },
          ...capabilities({ credentials: [1, 2] }),
        }),
      },
    ]),
  'leaf.duplicateExtension': () =>
    checkLeafChange({
      extensions: [
        { type: 0xff00, data: empty },
        { type: 0xff00, data: empty },
      ],
    }),
  'leaf.duplicateSignatureKey': async () =>
    commitWith([
      {
        kind: 'add',
        keyPackage: await packageWith({}, {}, b.client.signaturePrivateKey),
      },
    ]),
  'leaf.duplicateEncryptionKey': async () => {
    const { encryptionKey } = keyPackageOf(b).leafNode
    return commitWith([{ kind: 'add', keyPackage: await packageWith({ encryptionKey }) }])
  },
  'leaf.encryptionKeyUnchanged': async () => {
    const leafNode = await updateLeaf({})
    // The types do not allow it: an update is `proposeUpdate`'s to make.
    const sent = await propose(b.state, { kind: 'update', leafNode } as never, { random })
    const heard = await processMessage(a.state, sent.message)
    return createCommit(heard.state, { random })
  },

  'keyPackage.unsupportedVersion': async () =>
    checkKeyPackage(suite, await packageWith({}, { version: 2 }), nowSeconds),
  'keyPackage.wrongSuite': async () =>
    checkKeyPackage(suite, await packageWith({}, { cipherSuite: 1 }), nowSeconds),
  'keyPackage.badSignature': () =>
    checkKeyPackage(
      suite,
      { ...newcomer.own.keyPackage, signature: new Uint8Array(64) },
      undefined,
    ),
  'keyPackage.initKeyIsEncryptionKey': async () => {
    const { encryptionKey } = newcomer.own.keyPackage.leafNode
    return checkKeyPackage(suite, await packageWith({}, { initKey: encryptionKey }), nowSeconds)
  },
  'keyPackage.duplicateExtension': async () => {
    const extensions = [1, 2].map(() => ({ type: 10, data: empty }))
    return checkKeyPackage(suite, await packageWith({}, { extensions }), nowSeconds)
  },

  'tree.empty': () => decodeTree(Uint8Array.of(0)),
  'tree.trailingBlank': () => decodeTree(Uint8Array.of(1, 0)),
  'tree.nodeTypeMismatch': () => decodeTree(Uint8Array.of(5, 1, 2, 0, 0, 0)),
  'tree.badUnmergedLeaves': () => treeWithRoot(() => ({ unmergedLeaves: [3] })),
  'tree.duplicateEncryptionKey': () =>
    treeWithRoot(() => ({ encryptionKey: keyPackageOf(c).leafNode.encryptionKey })),
  'tree.parentHashMismatch': () => treeWithRoot(() => ({ encryptionKey: random(32) })),
  'tree.hashMismatch': async () =>
    checkGroupInfo(
      suite,
      await groupInfo(false),
      encodeTree(removeLeaf(a.state.tree, 1)),
      undefined,
    ),
  'tree.full': () => {
    const full = { ...branch(undefined, undefined, undefined), members: limits.members }
    return withRoom(treeFrom(20, full))
  },

  'proposal.unknownReference': async () =>
    processMessage(
      a.state,
      await sendCommit({
        proposals: [{ kind: 'reference', reference: random(32) }],
        path: undefined,
      }),
    ),
  'proposal.unsupportedType': () =>
    commitWith([{ kind: 'appEphemeral', componentId: 1, data: empty }]),
  'proposal.notAllowedFromSender': async () =>
    processMessage(a.state, await outside({ kind: 'externalInit', kemOutput: empty })),
  'proposal.updateFromCommitter': async () =>
    receiveUnchecked([
      { kind: 'update', leafNode: await updateLeaf({ encryptionKey: random(32) }) },
    ]),
  'proposal.updateNotFromMember': async () =>
    processMessage(a.state, await outside({ kind: 'update', leafNode: await updateLeaf({}) })),
  'proposal.removeOfCommitter': () => receiveUnchecked([remove(1)]),
  'proposal.removeOfNonMember': () => receiveUnchecked([remove(77)]),
  'proposal.sameLeafTwice': () => receiveUnchecked([remove(2), remove(2)]),
  'proposal.addTwice': () => {
    const { keyPackage } = newcomer.own
    return receiveUnchecked([
      { kind: 'add', keyPackage },
      { kind: 'add', keyPackage },
    ])
  },
  'proposal.samePskTwice': () =>
    receiveUnchecked([
      { kind: 'preSharedKey', psk: pskId },
      { kind: 'preSharedKey', psk: pskId },
    ]),
  'proposal.badPsk': () =>
    receiveUnchecked([{ kind: 'preSharedKey', psk: { ...pskId, nonce: random(31) } }]),
  'proposal.groupContextExtensionsTwice': () =>
    receiveUnchecked([extensionsOf([]), extensionsOf([])]),
  'proposal.duplicateGroupExtension': () => receiveUnchecked([extensionsOf([0xff00, 0xff00])]),
  'proposal.reInitNotAlone': () => receiveUnchecked([reInit(1), remove(2)]),
  'proposal.reInitVersion': () => receiveUnchecked([reInit(0)]),
  'proposal.externalInitFromMember': () =>
    receiveUnchecked([{ kind: 'externalInit', kemOutput: empty }]),
  'proposal.selfRemoveNotByReference': () => receiveUnchecked([{ kind: 'selfRemove' }]),
  'proposal.selfRemoveOfCommitter': async () => {
    const sent = await propose(b.state, { kind: 'selfRemove' }, { random })
    return createCommit(sent.state, { random })
  },
  'proposal.appDataConflict': () =>
    receiveUnchecked([appData(0x8000, 'update'), appData(0x8000, 'remove')]),
  'proposal.appDataUnordered': () =>
    receiveUnchecked([appData(0x8000, 'update'), extensionsOf([])]),

  'psk.unknown': () => commitWith([{ kind: 'preSharedKey', psk: pskId }]),
  'psk.tooMany': () =>
    pskSecretOf(
      suite,
      Array.from({ length: limits.psks + 1 }, () => ({ id: pskId, secret: empty })),
    ),

  'commit.missingPath': () => receiveUnchecked([remove(2)], false),
  'commit.wrongPathLength': () =>
    receivePath((path) => ({ ...path, nodes: path.nodes.slice(0, -1) })),
  'commit.wrongCiphertextCount': () =>
    receivePath((path) => ({
      ...path,
      nodes: path.nodes.map((node) => ({ ...node, encryptedPathSecret: [] })),
    })),
  'commit.pathKeyReused': () =>
    receivePath((path) => ({
      ...path,
      nodes: path.nodes.map((node) => ({
        ...node,
        encryptionKey: keyPackageOf(c).leafNode.encryptionKey,
      })),
    })),
  'commit.parentHashMismatch': async () => {
    const path = await goodPath()
    const leafNode = await updateLeaf({
      ...path.leafNode,
      source: { kind: 'commit', parentHash: random(32) },
    })
    return receivePath(() => ({ ...path, leafNode }))
  },
  'commit.pathSecretMismatch': async () => {
    const { tree, ownLeaf, context, signaturePrivateKey } = b.state
    const { leaf } = memberAt(tree, ownLeaf)
    const place = { groupId: context.groupId, leafIndex: ownLeaf }
    const made = await createPath(
      suite,
      tree,
      ownLeaf,
      (parentHash) =>
        signLeaf(
          suite,
          { ...leaf, encryptionKey: random(32), source: { kind: 'commit', parentHash } },
          place,
          signaturePrivateKey,
        ),
      random,
    )
    const wrong = new Map([...made.pathSecrets.keys()].map((node) => [node, random(32)]))
    const provisional = encode(groupContextCodec, {
      ...context,
      epoch: context.epoch + 1n,
      treeHash: treeHash(suite, made.tree),
    })
    const nobody = new Set<number>()
    const path = await encryptPath(
      suite,
      { ...made, pathSecrets: wrong },
      nobody,
      provisional,
      random,
    )
    return processMessage(a.state, await sendCommit({ proposals: [], path }))
  },
  'commit.badConfirmationTag': async () => {
    const proposal: Proposal = { kind: 'preSharedKey', psk: pskId }
    const commit: Commit = { proposals: [{ kind: 'proposal', proposal }], path: undefined }
    return processMessage(a.state, await sendCommit(commit), { psk: () => ascii('secret') })
  },
  'commit.tooManyProposals': () =>
    inline(
      Array.from({ length: limits.commitProposals + 1 }, () => remove(1)),
      0,
    ),

  'externalCommit.proposalNotAllowed': () =>
    inline([{ kind: 'add', keyPackage: newcomer.own.keyPackage }], undefined),
  'externalCommit.externalInitCount': () => inline([remove(1)], undefined),
  'externalCommit.removeTwice': () =>
    inline([{ kind: 'externalInit', kemOutput: empty }, remove(1), remove(2)], undefined),
  'externalCommit.noExternalPub': async () =>
    joinByExternalCommit(
      await exportGroupInfo(a.state, {
        withRatchetTree: true,
        withExternalPub: false,
      }),
      {
        config: defaultConfig,
        signaturePrivateKey: newcomer.signaturePrivateKey,
        credential: newcomer.own.keyPackage.leafNode.credential,
        capabilities: basicCapabilities(suite),
        random,
      },
    ),

  'groupInfo.badSignature': async () =>
    checkGroupInfo(suite, { ...(await groupInfo()), signature: random(64) }, undefined, undefined),
  'groupInfo.badConfirmationTag': () => receiveWelcome({}),
  'groupInfo.missingRatchetTree': async () =>
    checkGroupInfo(suite, await groupInfo(false), undefined, undefined),
  'groupInfo.duplicateExtension': async () => {
    const info = await groupInfo()
    const extensions = [...info.extensions, ...info.extensions]
    return checkGroupInfo(suite, { ...info, extensions }, undefined, undefined)
  },
  'groupInfo.unsupportedVersion': async () => {
    const info = await groupInfo()
    const context = { ...info.context, version: 2 }
    return checkGroupInfo(suite, { ...info, context }, undefined, undefined)
  },

  'welcome.notForThisKeyPackage': async () => {
    const { own, signaturePrivateKey } = c.client
    return joinGroup(await realWelcome(), {
      config: defaultConfig,
      keyPackages: [own],
      signaturePrivateKey,
    })
  },
  'welcome.wrongSuite': async () => {
    const { own, signaturePrivateKey } = await client('other', random, { suiteId: 1 })
    return joinGroup(await realWelcome(), {
      config: defaultConfig,
      keyPackages: [own],
      signaturePrivateKey,
    })
  },
  'welcome.groupSecretsUndecryptable': async () =>
    receiveWelcome({ initKey: (await suite.hpke.kem.deriveKeyPair(random(32))).publicKey }),
  'welcome.groupInfoUndecryptable': () => receiveWelcome({ otherKey: true }),
  'welcome.ownLeafMissing': () => receiveWelcome({ tree: a.state.tree }),
  'welcome.pathSecretMismatch': () => receiveWelcome({ pathSecret: random(32) }),
  'welcome.resumptionMismatch': () =>
    receiveWelcome({
      psks: [
        {
          kind: 'resumption',
          usage: 'branch',
          groupId: ascii('unknown'),
          epoch: 1n,
          nonce: new Uint8Array(32),
        },
      ],
    }),

  'group.removed': () => encryptMessage({ ...a.state, status: 'removed' }, empty, { random }),
  'group.reInitPending': async () => {
    const commit = await commitWith([reInit(1)])
    return encryptMessage(adoptCommit(commit.state, commit.staged), empty, { random })
  },
  'group.proposalsPending': async () => {
    const sent = await propose(b.state, remove(2), { random })
    return encryptMessage(sent.state, empty, { random })
  },
  'group.commitOfOtherEpoch': async () => {
    const commit = await commitWith([])
    const next = adoptCommit(commit.state, commit.staged)
    return adoptCommit(next, commit.staged)
  },

  'state.badRecord': () => {
    const stored = records()
    const head = stored.get('group')!.slice()
    head[3] = 9
    return load(stored.set('group', head))
  },
  'state.missingRecord': () => {
    const stored = records()
    stored.delete('tree:0:0')
    return load(stored)
  },
  'state.unsupportedVersion': () => {
    const stored = records()
    return load(stored.set('group', Uint8Array.of(99)))
  },
}

describe('each rule has its own code', () => {
  it('has a scenario for every code of the table and no other', () => {
    expect(Object.keys(scenarios).sort()).toEqual(Object.keys(errorCodes).sort())
  })
  for (const [code, scenario] of Object.entries(scenarios)) {
    it(code, async () => {
      const failure = await Promise.resolve()
        .then(scenario)
        .then(
          () => undefined,
          (error: unknown) => error,
        )
      expect(failure, 'nothing was thrown').toBeInstanceOf(MlsError)
      expect((failure as MlsError).code).toBe(code)
    })
  }
  it('accepts what the scenarios change, unchanged', async () => {
    await checkKeyPackage(suite, await packageWith({}), nowSeconds)
    const staged = await processMessage(a.state, (await commitWith([remove(2)], b)).message)
    expect(staged.kind).toBe('commit')
    await joinGroup(await realWelcome(), {
      config: defaultConfig,
      keyPackages: [newcomer.own],
      signaturePrivateKey: newcomer.signaturePrivateKey,
      nowSeconds,
    })
  })
})
