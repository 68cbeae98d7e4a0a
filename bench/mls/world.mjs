/** The group that both engines work in: every parent of its tree is set, as after a long life. */
import {
  adoptCommit,
  basicCapabilities,
  basicCredential,
  createCommit,
  createGroup,
  createKeyPackage,
  defaultConfig as config,
  platformRandom as random,
  suiteOf,
} from '@xmtp-ts/mls'
// The tree is filled without a thousand commits, which no public function can do.
import { signLeaf } from '../../packages/mls/dist/tree/leaf-rules.js'
import { createPath } from '../../packages/mls/dist/tree/path.js'
import { addLeaf } from '../../packages/mls/dist/tree/members.js'
import { leafAt } from '../../packages/mls/dist/tree/ratchet-tree.js'
import { treeHash } from '../../packages/mls/dist/tree/tree-hash.js'
import { secretTreeFrom } from '../../packages/mls/dist/schedule/secret-tree.js'
import { encode } from '../../packages/mls/dist/codec/tls.js'
import { groupContextCodec } from '../../packages/mls/dist/message/group-context.js'

export const suite = suiteOf(3)

export async function client(name) {
  const signaturePrivateKey = random(32)
  const own = await createKeyPackage({
    suite,
    signaturePrivateKey,
    credential: basicCredential(new TextEncoder().encode(name)),
    capabilities: basicCapabilities(suite),
    lifetime: { notBefore: 0n, notAfter: 4_000_000_000n },
    random,
  })
  return { name, signaturePrivateKey, own }
}

export async function clients(count) {
  const made = []
  for (let i = 0; i < count; i++) made.push(await client(`member-${i}`))
  return made
}

export const addOf = (joiner) => ({ kind: 'add', keyPackage: joiner.own.keyPackage })

/** A group of `people` and the newcomers, all parents set, and the welcome of the newcomers. */
export async function longLivedGroup(people, newcomers) {
  const [first] = people
  const founderLeaf = people.length - 1
  const groupId = random(16)
  const { own, signaturePrivateKey } = first
  const alone = createGroup({ suite, groupId, own, signaturePrivateKey, config, random })
  let { tree } = alone
  for (const person of people.slice(1)) tree = addLeaf(tree, person.own.keyPackage.leafNode).tree
  let keys = new Map()
  // The founder is next to the newcomers: its commit sets every parent above them, because ts-mls 1.6.4 refuses trees in
  // which two parents above an unmerged leaf have different lists.
  const order = people.map((_, index) => index).filter((index) => index % 2 === 0)
  for (const index of [...order, founderLeaf]) {
    const leafKey = await suite.hpke.kem.deriveKeyPair(random(32))
    const person = people[index]
    const path = await createPath(
      suite,
      tree,
      index,
      (parentHash) =>
        signLeaf(
          suite,
          {
            ...leafAt(tree, index),
            encryptionKey: leafKey.publicKey,
            source: { kind: 'commit', parentHash },
          },
          { groupId, leafIndex: index },
          person.signaturePrivateKey,
        ),
      random,
    )
    tree = path.tree
    if (index === founderLeaf)
      keys = new Map([...path.privateKeys, [2 * index, leafKey.privateKey]])
  }
  const context = { ...alone.context, treeHash: treeHash(suite, tree) }
  const state = {
    ...alone,
    tree,
    context,
    contextBytes: encode(groupContextCodec, context),
    ownLeaf: founderLeaf,
    signaturePrivateKey: people[founderLeaf].signaturePrivateKey,
    nodeKeys: keys,
    secretTree: secretTreeFrom(random(32), tree.depth),
  }
  const commit = await createCommit(state, { proposals: newcomers.map(addOf), random })
  return { state: adoptCommit(commit.state, commit.staged), welcome: commit.welcome }
}
