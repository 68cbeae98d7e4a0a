import { readFileSync } from 'node:fs'
import {
  adoptCommit,
  chacha20Poly1305Suite,
  decode,
  decodeMessage,
  encode,
  joinGroup,
  keyPackageCodec,
  MlsError,
  processMessage,
  type GroupState,
  type OwnKeyPackage,
  type StagedCommit,
} from '@xmtp-ts/mls'
import { v3 } from '@xmtp-ts/protocol'
import * as group from '@xmtp-ts/protocol/group'
import { describe, expect, it } from 'vitest'
import { bytes, captures, hex, vectors } from './v3/vectors.ts'

type Installation = {
  readonly name: string
  readonly installationId: string
  readonly signaturePrivateKey: string
  readonly keyPackages: readonly {
    readonly initPrivateKey: string
    readonly leafEncryptionPrivateKey: string
    readonly postQuantumPrivateKey?: string
    readonly postQuantumPublicKey?: string
  }[]
  readonly commitLog: readonly {
    readonly groupId: string
    readonly envelopeId: number | string
    readonly kind?: string
    readonly result: string
    readonly epochAuthenticatorAfter: string
  }[]
}

type SealedFields = {
  readonly topicKey: string
  readonly hpkePublicKey: string
  readonly wrapperAlgorithm: number
  readonly data: string
  readonly welcomeMetadata?: string
}

type GroupCapture = {
  readonly installations: readonly Installation[]
  readonly keyPackages: readonly { readonly installationId: string; readonly bytes: string }[]
  readonly welcomes: readonly SealedFields[]
  readonly pointers: readonly SealedFields[]
  readonly messages: readonly {
    readonly id: number | string
    readonly groupId: string
    readonly contentType: number
    readonly data: string
  }[]
}

type TranscriptLine = {
  readonly capture: string
  readonly installation: string
  readonly commitId: string
  readonly encodedContent: string
}

const transcripts = vectors<TranscriptLine[]>('transcripts')
const names = ['dm', 'group', 'curve25519', 'devicesync', 'commitlog']

/** The same scenarios as packages/mls has them, which are reduced to what MLS needs. */
function groupCapture(name: string): GroupCapture {
  const file = new URL(`../../packages/mls/test/vectors/xmtp-${name}.json`, import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8')) as GroupCapture
}

type Log = readonly { readonly sequenceId: bigint; readonly state: v3.AssociationState }[]

function logsOf(name: string): ReadonlyMap<string, Log> {
  const capture = captures.find((candidate) => candidate.capture === name)
  const logs = new Map<string, Log>()
  for (const event of capture?.timeline ?? []) {
    if (event.t !== 'identity_update') continue
    const log = logs.get(event.inboxId) ?? []
    const update = v3.verifyIdentityUpdate(v3.parseIdentityUpdate(bytes(event.bytes)))
    const state = v3.applyIdentityUpdate(log.at(-1)?.state, update)
    logs.set(event.inboxId, [...log, { sequenceId: BigInt(event.sequenceId), state }])
  }
  return logs
}

const stateLookup =
  (logs: ReadonlyMap<string, Log>): group.StateLookup =>
  (inboxId, sequenceId) =>
    logs.get(inboxId)?.find((entry) => entry.sequenceId === sequenceId)?.state

const sealed = (fields: SealedFields): group.ReceivedWelcome => ({
  data: bytes(fields.data),
  welcomeMetadata: bytes(fields.welcomeMetadata ?? ''),
  hpkePublicKey: bytes(fields.hpkePublicKey),
  wrapperAlgorithm: fields.wrapperAlgorithm,
})

function keyLookup({ name, keyPackages }: Installation, own: readonly OwnKeyPackage[]) {
  return (publicKey: Uint8Array): group.WelcomeKey | undefined => {
    const wanted = hex(publicKey)
    const wrapper = keyPackages.find((keys) => keys.postQuantumPublicKey === wanted)
    if (wrapper?.postQuantumPrivateKey !== undefined)
      return { algorithm: 'xWing', privateKey: bytes(wrapper.postQuantumPrivateKey) }
    const found = own.find(({ keyPackage }) => hex(keyPackage.initKey) === wanted)
    if (found === undefined) throw new Error(`${name} has no key ${wanted.slice(0, 16)}.`)
    return { algorithm: 'x25519', privateKey: found.initPrivateKey }
  }
}

async function ownKeyPackages(
  capture: GroupCapture,
  { keyPackages }: Installation,
): Promise<readonly OwnKeyPackage[]> {
  const published = capture.keyPackages.map((entry) => decode(keyPackageCodec, bytes(entry.bytes)))
  const { kem } = chacha20Poly1305Suite.hpke
  const found: OwnKeyPackage[] = []
  for (const keys of keyPackages) {
    const initPrivateKey = bytes(keys.initPrivateKey)
    const initKey = hex(await kem.publicKey(initPrivateKey))
    const keyPackage = published.find((candidate) => hex(candidate.initKey) === initKey)
    const leafPrivateKey = bytes(keys.leafEncryptionPrivateKey)
    if (keyPackage) found.push({ keyPackage, initPrivateKey, leafPrivateKey })
  }
  return found
}

/** Every welcome in the topic of one installation, opened. */
async function openWelcomes(capture: GroupCapture, installation: Installation) {
  const lookup = keyLookup(installation, await ownKeyPackages(capture, installation))
  const mine = ({ topicKey }: SealedFields) => topicKey === installation.installationId
  const opened: group.OpenedWelcome[] = []
  for (const fields of capture.welcomes.filter(mine))
    opened.push(await group.openWelcome(sealed(fields), lookup))
  for (const fields of capture.pointers.filter(mine)) {
    const { data, hpkePublicKey, wrapperAlgorithm } = sealed(fields)
    const pointer = await group.openPointer(
      { welcomePointer: data, hpkePublicKey, wrapperAlgorithm },
      lookup,
    )
    const target = capture.welcomes.find(({ topicKey }) => topicKey === hex(pointer.destination))
    opened.push(group.openPointed(sealed(target!), pointer))
  }
  return opened
}

type Applied = { readonly id: string; readonly summary: group.CommitSummary }
type Replay = { readonly applied: readonly Applied[]; readonly refused: readonly string[] }

type Scene = {
  readonly capture: GroupCapture
  readonly installation: Installation
  readonly lookup: group.StateLookup
}

async function join(scene: Scene, welcome: Uint8Array): Promise<GroupState> {
  const { capture, installation } = scene
  const { state } = await joinGroup(welcome, {
    keyPackages: await ownKeyPackages(capture, installation),
    signaturePrivateKey: bytes(installation.signaturePrivateKey),
    config: group.groupConfig,
  })
  return state
}

/** Follows a group until its end, or until a commit of the installation itself, whose secrets are nowhere. */
async function replay(scene: Scene, opened: group.OpenedWelcome): Promise<Replay> {
  const { capture, installation, lookup } = scene
  let state = await join(scene, opened.welcome)
  const groupId = hex(state.context.groupId)
  const trusted = group.readGroupContent(state.context.extensions).metadata
  const applied: Applied[] = []
  const refused: string[] = []
  const log = installation.commitLog.filter((row) => row.groupId === groupId)
  for (const message of capture.messages) {
    if (message.groupId !== groupId || BigInt(message.id) <= opened.messageCursor) continue
    if (state.status !== 'active') break
    const staged = await stage(state, message.data)
    if (staged === 'ownCommit') break
    if (staged === undefined) continue
    state = staged.state
    if (staged.commit === undefined) continue
    const options = { state, staged: staged.commit, states: lookup, ownVersion: '1.10.0', trusted }
    const result = group.validateCommit(options)
    const needed = group.statesNeeded(state, staged.commit)
    expect(needed.filter(({ inboxId, sequenceId }) => !lookup(inboxId, sequenceId))).toEqual([])
    const row = log.find(({ envelopeId }) => Number(envelopeId) === Number(message.id))
    if (log.length > 0) expect(result.ok ? 'applied' : 'invalid').toBe(row?.result)
    if (!result.ok) {
      refused.push(result.reason)
      continue
    }
    applied.push({ id: String(message.id), summary: result.summary })
    state = adoptCommit(state, staged.commit)
    if (state.status === 'active' && row)
      expect(hex(state.secrets.epochAuthenticator)).toBe(row.epochAuthenticatorAfter)
  }
  return { applied, refused }
}

async function stage(
  state: GroupState,
  data: string,
): Promise<{ state: GroupState; commit: StagedCommit | undefined } | 'ownCommit' | undefined> {
  try {
    const received = await processMessage(state, bytes(data))
    return { state: received.state, commit: received.kind === 'commit' ? received.staged : undefined }
  } catch (error) {
    if (!(error instanceof MlsError)) throw error
    const isCommit = decodeMessageType(data) === 3
    if (error.code === 'message.fromSelf') return isCommit ? 'ownCommit' : undefined
    if (error.code === 'message.epochTooOld') return undefined
    throw error
  }
}

function decodeMessageType(data: string): number {
  const message = decodeMessage(bytes(data))
  return message.kind === 'privateMessage' ? message.message.contentType : 0
}

const silent = new Set(['zed', 'bo-listener'])

describe.each(names)('groups of %s', (name) => {
  const capture = groupCapture(name)
  const lookup = stateLookup(logsOf(name))

  it.each(capture.installations)('$name opens every welcome and follows', async (installation) => {
    const scene = { capture, installation, lookup }
    const opened = await openWelcomes(capture, installation)
    const replays: Replay[] = []
    for (const one of opened) {
      expect(one.messageCursor).toBeGreaterThan(0n)
      replays.push(await replay(scene, one))
    }
    if (!silent.has(installation.name)) return
    const expected = installation.commitLog.filter(
      ({ result, envelopeId }) => result === 'applied' && Number(envelopeId) > 0,
    )
    const [only] = replays
    expect(replays).toHaveLength(1)
    expect(only!.applied).toHaveLength(expected.length)
    expect(only!.refused).toEqual(name === 'group' ? ['insufficientPermissions'] : [])
  })

  it.each(capture.installations.filter((one) => silent.has(one.name)))(
    '$name writes the lines that libxmtp wrote',
    async (installation) => {
      const [opened] = await openWelcomes(capture, installation)
      const { applied } = await replay({ capture, installation, lookup }, opened!)
      const leaver = captures
        .find((one) => one.capture === name)
        ?.installations.find((one) => one.name === 'dana')?.inboxId
      const leaving = new Set(leaver === undefined ? [] : [v3.parseInboxId(leaver)])
      const lines = applied.flatMap(({ id, summary }) => {
        const line = group.groupUpdated(summary, { leaving })
        return line === undefined ? [] : [{ id, line: hex(line) }]
      })
      const expected = transcripts.filter(
        (line) =>
          line.capture === name &&
          line.installation === installation.name &&
          applied.some(({ id }) => id === line.commitId),
      )
      expect(lines).toEqual(
        expected.map(({ commitId, encodedContent }) => ({ id: commitId, line: encodedContent })),
      )
      expect(lines.length).toBeGreaterThan(2)
    },
  )

  it('key packages are read as they are', async () => {
    for (const { installationId, bytes: text } of capture.keyPackages) {
      const read = await group.readKeyPackage(bytes(text), undefined)
      expect(hex(read.installationId)).toBe(installationId)
      expect(hex(encode(keyPackageCodec, read.keyPackage))).toBe(text)
      const isForeign = name === 'curve25519' && read.wrapper === undefined
      expect(read.supportsPointers).toBe(!isForeign)
      if (!isForeign) expect(read.wrapper).toMatchObject({ algorithm: 'xWing' })
    }
  })

  it('group contexts are written as they were', async () => {
    for (const installation of capture.installations)
      for (const { welcome } of await openWelcomes(capture, installation)) {
        const { context } = await join({ capture, installation, lookup }, welcome)
        const content = group.readGroupContent(context.extensions)
        const written = group.groupExtensions(content)
        for (const { type, data } of context.extensions) {
          const ours = written.find((extension) => extension.type === type)!
          const isMap = type === 0xff00 || type === 0xff01 || type === 0xff02
          if (isMap) expect(hex(ours.data)).toHaveLength(data.length * 2)
          else expect(hex(ours.data)).toBe(hex(data))
        }
        const again = context.extensions.map(
          ({ type }) => written.find((extension) => extension.type === type)!,
        )
        expect(group.readGroupContent(again)).toEqual(content)
      }
  })
})

it('our key package has the shape of a captured one', async () => {
  const { keyPackages } = groupCapture('group')
  const theirs = await group.readKeyPackage(bytes(keyPackages[0]!.bytes), undefined)
  const [alix] = captures.find(({ capture }) => capture === 'group')!.installations
  const { source } = theirs.keyPackage.leafNode
  const notBefore = source.kind === 'keyPackage' ? source.lifetime.notBefore : 0n
  let counter = 0
  const ours = await group.createInstallationKeyPackage({
    installationSecretKey: bytes(alix!.signaturePrivateKey),
    inboxId: v3.parseInboxId(alix!.inboxId),
    nowSeconds: notBefore + 3_600n,
    random: (sizeBytes) => new Uint8Array(sizeBytes).fill(++counter),
  })
  expect(ours.bytes).toHaveLength(bytes(keyPackages[0]!.bytes).length)
  expect(ours.bytes).toHaveLength(1659)
  const shape = ({ keyPackage }: group.ReadKeyPackage) => ({
    ...keyPackage,
    initKey: keyPackage.initKey.length,
    signature: keyPackage.signature.length,
    leafNode: {
      ...keyPackage.leafNode,
      encryptionKey: keyPackage.leafNode.encryptionKey.length,
      signature: keyPackage.leafNode.signature.length,
    },
    extensions: keyPackage.extensions.map(({ type, data }) =>
      // All of the wrapper's extension but the key itself.
      type === 0xff03 ? [type, data.length, hex(data.slice(0, 3)), hex(data.slice(-2))] : [type, hex(data)],
    ),
  })
  const read = await group.readKeyPackage(ours.bytes, notBefore + 3_600n)
  expect(shape(read)).toEqual(shape(theirs))
})
