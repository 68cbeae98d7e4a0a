import { describe, expect, it } from 'vitest'
import { hex, workingGroupVectors } from '../test/vectors.ts'
import { ascii, equal } from './bytes.ts'
import { decode, encode, opaque, optional, readerOf, vectorLength } from './codec/tls.ts'
import {
  decryptWithLabel,
  deriveSecret,
  deriveTreeSecret,
  encryptionInfo,
  encryptTo,
  expandWithLabel,
  refHash,
  signWithLabel,
  verifyWithLabel,
} from './crypto/suite.ts'
import { suiteOf } from './crypto/suites.ts'
import { groupContextCodec } from './message/group-context.ts'
import {
  checkContentSignature,
  membershipTagOf,
  openPrivateMessage,
  openSenderData,
  senderDataKeys,
} from './message/protect.ts'
import { proposalCodecWith } from './message/proposal.ts'
import { decodeMessage, standardWire, updatePathCodec } from './message/wire.ts'
import { groupInfoTbsCodec, groupInfoCodec, groupSecretsCodec } from './message/welcome.ts'
import {
  confirmationTagOf,
  confirmedTranscriptHashOf,
  deriveEpoch,
  epochSecretOf,
  exportFrom,
  externalKeyPair,
  interimTranscriptHashOf,
  joinerSecretOf,
  memberSecretOf,
  pskSecretOf,
  welcomeKeys,
} from './schedule/key-schedule.ts'
import { secretTreeFrom, takeKey } from './schedule/secret-tree.ts'
import { leafNodeCodec } from './tree/leaf-node.ts'
import { checkLeafSignature } from './tree/leaf-rules.ts'
import { keyPackageCodec } from './tree/key-package.ts'
import { depthFor, leftOf, nodeOfLeaf, parentOf, rightOf, rootOf, siblingOf } from './tree/math.ts'
import type { NodeKeys } from './tree/path.ts'
import { createPath, decryptPath, derivePathSecrets, encryptPath, mergePath } from './tree/path.ts'
import { eachLeaf, leafAt, memberCount } from './tree/ratchet-tree.ts'
import { addLeaf, removeLeaf, updateLeaf } from './tree/members.ts'
import { resolution } from './tree/resolution.ts'
import { decodeTree, encodeTree } from './tree/tree-codec.ts'
import { treeHash, treeHashAt } from './tree/tree-hash.ts'
import { checkTree } from './tree/validate.ts'
import { randomBytes as random } from '#platform'

const proposalCodec = proposalCodecWith([])

/** One test per entry of a vector file, named after it; skipped where the file is not there. */
function vectors(name: string, check: (vector: any, index: number) => void | Promise<void>): void {
  const entries = workingGroupVectors(name)
  describe(name, () => {
    if (entries === undefined) return it.skip(`${name}.json is not here`, () => {})
    entries.forEach((vector, index) => {
      const suite = vector.cipher_suite === undefined ? '' : ` (suite ${vector.cipher_suite})`
      it(`${name} ${index}${suite}`, () => check(vector, index))
    })
  })
}

vectors('tree-math', (v) => {
  const depth = depthFor(v.n_leaves)
  expect(rootOf(depth)).toBe(v.root)
  for (let node = 0; node < v.n_nodes; node++) {
    expect(leftOf(node) ?? null).toBe(v.left[node])
    expect(rightOf(node) ?? null).toBe(v.right[node])
    expect(parentOf(node, depth) ?? null).toBe(v.parent[node])
    expect(siblingOf(node, depth) ?? null).toBe(v.sibling[node])
  }
})

vectors('deserialization', (v) => {
  expect(vectorLength.read(readerOf(hex(v.vlbytes_header)))).toBe(v.length)
})

vectors('crypto-basics', async (v) => {
  const suite = suiteOf(v.cipher_suite)
  const { derive_secret: ds, derive_tree_secret: dts, expand_with_label: ewl } = v
  expect(refHash(suite, v.ref_hash.label, hex(v.ref_hash.value))).toEqual(hex(v.ref_hash.out))
  expect(expandWithLabel(suite, hex(ewl.secret), ewl.label, hex(ewl.context), ewl.length)).toEqual(
    hex(ewl.out),
  )
  expect(deriveSecret(suite, hex(ds.secret), ds.label)).toEqual(hex(ds.out))
  expect(deriveTreeSecret(suite, hex(dts.secret), dts.label, dts.generation, dts.length)).toEqual(
    hex(dts.out),
  )

  const s = v.sign_with_label
  expect(await verifyWithLabel(suite, hex(s.pub), s.label, hex(s.content), hex(s.signature))).toBe(
    true,
  )
  const own = await signWithLabel(suite, hex(s.priv), s.label, hex(s.content))
  expect(own).toEqual(hex(s.signature))

  const e = v.encrypt_with_label
  const keys = { privateKey: hex(e.priv), publicKey: hex(e.pub) }
  const sealed = { kemOutput: hex(e.kem_output), ciphertext: hex(e.ciphertext) }
  expect(await decryptWithLabel(suite, keys, e.label, hex(e.context), sealed)).toEqual(
    hex(e.plaintext),
  )
  const again = await encryptTo(
    encryptionInfo(suite, e.label, hex(e.context)),
    keys.publicKey,
    hex(e.plaintext),
    random,
  )
  expect(await decryptWithLabel(suite, keys, e.label, hex(e.context), again)).toEqual(
    hex(e.plaintext),
  )
})

vectors('messages', (v) => {
  const messages = [
    'mls_welcome',
    'mls_group_info',
    'mls_key_package',
    'public_message_application',
    'public_message_proposal',
    'public_message_commit',
    'private_message',
  ]
  for (const name of messages) {
    const bytes = hex(v[name])
    expect(encode(standardWire.message, decodeMessage(bytes)), name).toEqual(bytes)
  }
  const proposals: [string, number][] = [
    ['add_proposal', 1],
    ['update_proposal', 2],
    ['remove_proposal', 3],
    ['pre_shared_key_proposal', 4],
    ['re_init_proposal', 5],
    ['external_init_proposal', 6],
    ['group_context_extensions_proposal', 7],
  ]
  for (const [name, type] of proposals) {
    const bytes = new Uint8Array([0, type, ...hex(v[name])])
    expect(encode(proposalCodec, decode(proposalCodec, bytes)), name).toEqual(bytes)
  }
  const tree = hex(v.ratchet_tree)
  expect(encodeTree(decodeTree(tree)), 'ratchet_tree').toEqual(tree)
  const commit = hex(v.commit)
  expect(encode(standardWire.commit, decode(standardWire.commit, commit))).toEqual(commit)
  const secrets = hex(v.group_secrets)
  expect(encode(groupSecretsCodec, decode(groupSecretsCodec, secrets))).toEqual(secrets)
})

vectors('key-schedule', async (v) => {
  const suite = suiteOf(v.cipher_suite)
  let initSecret: Uint8Array = hex(v.initial_init_secret)
  let confirmed: Uint8Array = new Uint8Array()
  for (const [index, epoch] of v.epochs.entries()) {
    confirmed = hex(epoch.confirmed_transcript_hash)
    const context = encode(groupContextCodec, {
      version: 1,
      cipherSuite: v.cipher_suite,
      groupId: hex(v.group_id),
      epoch: BigInt(index),
      treeHash: hex(epoch.tree_hash),
      confirmedTranscriptHash: confirmed,
      extensions: [],
    })
    expect(context).toEqual(hex(epoch.group_context))
    const joiner = joinerSecretOf(suite, initSecret, hex(epoch.commit_secret), context)
    expect(joiner).toEqual(hex(epoch.joiner_secret))
    const member = memberSecretOf(suite, joiner, hex(epoch.psk_secret))
    expect(deriveSecret(suite, member, 'welcome')).toEqual(hex(epoch.welcome_secret))
    const { secrets, encryptionSecret } = deriveEpoch(suite, epochSecretOf(suite, member, context))
    expect(secrets.initSecret).toEqual(hex(epoch.init_secret))
    expect(secrets.senderDataSecret).toEqual(hex(epoch.sender_data_secret))
    expect(encryptionSecret).toEqual(hex(epoch.encryption_secret))
    expect(secrets.exporterSecret).toEqual(hex(epoch.exporter_secret))
    expect(secrets.epochAuthenticator).toEqual(hex(epoch.epoch_authenticator))
    expect(secrets.externalSecret).toEqual(hex(epoch.external_secret))
    expect(secrets.confirmationKey).toEqual(hex(epoch.confirmation_key))
    expect(secrets.membershipKey).toEqual(hex(epoch.membership_key))
    expect(secrets.resumptionPsk).toEqual(hex(epoch.resumption_psk))
    const external = await externalKeyPair(suite, secrets.externalSecret)
    expect(external.publicKey).toEqual(hex(epoch.external_pub))
    const { exporter } = epoch
    expect(
      exportFrom(
        suite,
        secrets.exporterSecret,
        exporter.label,
        hex(exporter.context),
        exporter.length,
      ),
    ).toEqual(hex(exporter.secret))
    initSecret = secrets.initSecret
  }
})

vectors('psk_secret', (v) => {
  const psks = v.psks.map((psk: any) => ({
    id: { kind: 'external' as const, id: hex(psk.psk_id), nonce: hex(psk.psk_nonce) },
    secret: hex(psk.psk),
  }))
  expect(pskSecretOf(suiteOf(v.cipher_suite), psks)).toEqual(hex(v.psk_secret))
})

vectors('secret-tree', (v) => {
  const suite = suiteOf(v.cipher_suite)
  const data = v.sender_data
  expect(senderDataKeys(suite, hex(data.sender_data_secret), hex(data.ciphertext))).toEqual({
    key: hex(data.key),
    nonce: hex(data.nonce),
  })
  const bounds = { outOfOrder: 5, forwardDistance: 1000 }
  let tree = secretTreeFrom(hex(v.encryption_secret), depthFor(v.leaves.length))
  v.leaves.forEach((generations: any[], leaf: number) => {
    for (const g of generations) {
      for (const kind of ['handshake', 'application'] as const) {
        const taken = takeKey(suite, tree, leaf, kind, g.generation, bounds)
        expect(taken.key.key).toEqual(hex(g[`${kind}_key`]))
        expect(taken.key.nonce).toEqual(hex(g[`${kind}_nonce`]))
        tree = taken.tree
      }
    }
  })
})

vectors('transcript-hashes', (v) => {
  const suite = suiteOf(v.cipher_suite)
  const content = decode(standardWire.authenticatedContent, hex(v.authenticated_content))
  const before = hex(v.interim_transcript_hash_before)
  const confirmed = confirmedTranscriptHashOf(suite, standardWire, before, content)
  expect(confirmed).toEqual(hex(v.confirmed_transcript_hash_after))
  const tag = content.auth.confirmationTag!
  expect(interimTranscriptHashOf(suite, confirmed, tag)).toEqual(
    hex(v.interim_transcript_hash_after),
  )
  expect(confirmationTagOf(suite, hex(v.confirmation_key), confirmed)).toEqual(tag)
})

vectors('message-protection', async (v) => {
  const suite = suiteOf(v.cipher_suite)
  const context = encode(groupContextCodec, {
    version: 1,
    cipherSuite: v.cipher_suite,
    groupId: hex(v.group_id),
    epoch: BigInt(v.epoch),
    treeHash: hex(v.tree_hash),
    confirmedTranscriptHash: hex(v.confirmed_transcript_hash),
    extensions: [],
  })
  const raw = (name: string) => hex(v[name])
  for (const name of ['proposal', 'commit', 'application']) {
    const sealed = decodeMessage(raw(`${name}_priv`))
    if (sealed.kind !== 'privateMessage') throw new Error('not private')
    const sender = openSenderData(suite, raw('sender_data_secret'), sealed.message)
    const kind = name === 'application' ? 'application' : 'handshake'
    const tree = secretTreeFrom(raw('encryption_secret'), 1)
    const bounds = { outOfOrder: 5, forwardDistance: 1000 }
    const { key } = takeKey(suite, tree, sender.leafIndex, kind, sender.generation, bounds)
    const opened = openPrivateMessage(suite, standardWire, sealed.message, sender, key)
    await checkContentSignature(suite, standardWire, opened, context, raw('signature_pub'))
    const { body } = opened.content
    if (body.kind === 'application') expect(body.data).toEqual(raw('application'))
    else if (body.kind === 'proposal')
      expect(encode(proposalCodec, body.proposal)).toEqual(raw('proposal'))
    else expect(encode(standardWire.commit, body.commit)).toEqual(raw('commit'))
  }
  for (const name of ['proposal', 'commit']) {
    const open = decodeMessage(raw(`${name}_pub`))
    if (open.kind !== 'publicMessage') throw new Error('not public')
    const { content, auth, membershipTag } = open.message
    const authenticated = { wireFormat: 1 as const, content, auth }
    await checkContentSignature(suite, standardWire, authenticated, context, raw('signature_pub'))
    expect(
      membershipTagOf(suite, standardWire, raw('membership_key'), authenticated, context),
    ).toEqual(membershipTag)
  }
})

vectors('welcome', async (v) => {
  const suite = suiteOf(v.cipher_suite)
  const published = decodeMessage(hex(v.key_package))
  const message = decodeMessage(hex(v.welcome))
  if (published.kind !== 'keyPackage' || message.kind !== 'welcome') throw new Error('kinds')
  const reference = refHash(
    suite,
    'MLS 1.0 KeyPackage Reference',
    encode(keyPackageCodec, published.keyPackage),
  )
  const { welcome } = message
  const sealed = welcome.secrets.find((secret) => equal(secret.newMember, reference))!
  const keys = { privateKey: hex(v.init_priv), publicKey: published.keyPackage.initKey }
  const secrets = decode(
    groupSecretsCodec,
    await decryptWithLabel(
      suite,
      keys,
      'Welcome',
      welcome.encryptedGroupInfo,
      sealed.encryptedGroupSecrets,
    ),
  )
  const member = memberSecretOf(suite, secrets.joinerSecret, pskSecretOf(suite, []))
  const { key, nonce } = welcomeKeys(suite, member)
  const opened = suite.hpke.aead.open(key, nonce, new Uint8Array(), welcome.encryptedGroupInfo)!
  const info = decode(groupInfoCodec, opened)
  const tbs = encode(groupInfoTbsCodec, info)
  expect(await verifyWithLabel(suite, hex(v.signer_pub), 'GroupInfoTBS', tbs, info.signature)).toBe(
    true,
  )
  const context = encode(groupContextCodec, info.context)
  const epoch = deriveEpoch(suite, epochSecretOf(suite, member, context))
  expect(
    confirmationTagOf(suite, epoch.secrets.confirmationKey, info.context.confirmedTranscriptHash),
  ).toEqual(info.confirmationTag)
})

vectors('tree-operations', (v) => {
  const suite = suiteOf(v.cipher_suite)
  const before = decodeTree(hex(v.tree_before))
  expect(treeHash(suite, before)).toEqual(hex(v.tree_hash_before))
  const proposal = decode(proposalCodec, hex(v.proposal))
  const after =
    proposal.kind === 'add'
      ? addLeaf(before, proposal.keyPackage.leafNode).tree
      : proposal.kind === 'update'
        ? updateLeaf(before, v.proposal_sender, proposal.leafNode)
        : proposal.kind === 'remove'
          ? removeLeaf(before, proposal.removed)
          : before
  expect(encodeTree(after)).toEqual(hex(v.tree_after))
  expect(treeHash(suite, after)).toEqual(hex(v.tree_hash_after))
})

vectors('tree-validation', async (v) => {
  const suite = suiteOf(v.cipher_suite)
  const tree = decodeTree(hex(v.tree))
  for (const [node, hash] of v.tree_hashes.entries()) {
    expect(treeHashAt(suite, tree, node)).toEqual(hex(hash))
    expect(resolution(tree, node)).toEqual(v.resolutions[node])
  }
  checkTree(suite, tree)
  const leaves: number[] = []
  eachLeaf(tree, (leaf) => leaves.push(leaf))
  expect(leaves.length).toBe(memberCount(tree))
  for (const leafIndex of leaves)
    await checkLeafSignature(suite, leafAt(tree, leafIndex)!, {
      groupId: hex(v.group_id),
      leafIndex,
    })
})

vectors('treekem', async (v) => {
  const suite = suiteOf(v.cipher_suite)
  const tree = decodeTree(hex(v.ratchet_tree))
  checkTree(suite, tree)
  const contextFor = (treeHashBytes: Uint8Array) =>
    encode(groupContextCodec, {
      version: 1,
      cipherSuite: v.cipher_suite,
      groupId: hex(v.group_id),
      epoch: BigInt(v.epoch),
      treeHash: treeHashBytes,
      confirmedTranscriptHash: hex(v.confirmed_transcript_hash),
      extensions: [],
    })
  const keysOf = new Map<number, NodeKeys>()
  for (const leaf of v.leaves_private) {
    const keys = new Map([[nodeOfLeaf(leaf.index), hex(leaf.encryption_priv)]])
    for (const { node, path_secret: secret } of leaf.path_secrets) {
      const one = { tree, steps: [{ node, copath: 0 }] }
      const derived = await derivePathSecrets(suite, one, 0, hex(secret))
      for (const [at, key] of derived.privateKeys) keys.set(at, key)
    }
    keysOf.set(leaf.index, keys)
  }
  const nobody = new Set<number>()
  for (const update of v.update_paths) {
    const path = decode(updatePathCodec, hex(update.update_path))
    const merged = mergePath(suite, tree, update.sender, path, nobody)
    const hash = treeHash(suite, merged.tree)
    expect(hash).toEqual(hex(update.tree_hash_after))
    checkTree(suite, merged.tree)
    for (const [leafIndex, keys] of keysOf) {
      if (leafIndex === update.sender) continue
      const own = { leafIndex, keys }
      const got = await decryptPath(suite, merged, path, own, nobody, contextFor(hash))
      expect([...got.pathSecrets.values()][0]).toEqual(hex(update.path_secrets[leafIndex]))
      expect(got.commitSecret).toEqual(hex(update.commit_secret))
    }
    const sender = leafAt(tree, update.sender)!
    const made = await createPath(
      suite,
      tree,
      update.sender,
      async (parentHash) => ({
        ...sender,
        encryptionKey: random(32),
        source: { kind: 'commit', parentHash },
      }),
      random,
    )
    const madeHash = treeHash(suite, made.tree)
    const ours = await encryptPath(suite, made, nobody, contextFor(madeHash), random)
    const again = mergePath(suite, tree, update.sender, ours, nobody)
    for (const [leafIndex, keys] of keysOf) {
      if (leafIndex === update.sender) continue
      const own = { leafIndex, keys }
      const got = await decryptPath(suite, again, ours, own, nobody, contextFor(madeHash))
      expect(got.commitSecret).toEqual(made.commitSecret)
    }
  }
})

describe('codec forms that only some messages use', () => {
  it('keeps an absent optional apart from an empty one', () => {
    const codec = optional(opaque)
    expect(encode(codec, undefined)).toEqual(Uint8Array.of(0))
    expect(encode(codec, ascii(''))).toEqual(Uint8Array.of(1, 0))
  })
  it('reads back a leaf it wrote', () => {
    expect(() => decode(leafNodeCodec, new Uint8Array(3))).toThrowError(/codec/)
  })
})
