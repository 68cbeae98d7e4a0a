import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Consent } from '@xmtp-ts/proto/store/v1/store'
import { bytesFromHex } from '@xmtp-ts/protocol'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import {
  addInboxes,
  epoch,
  groupOf,
  keyOf,
  person as personAt,
  rename,
  say,
  sync,
  texts,
  type Person,
} from '../../../packages/client/test/person.ts'
import { grpcWebTransport } from '../../../packages/client/src/transport/grpc-web.ts'
import { commitLogInfo } from '../../../packages/client/src/v3/commit-log/debug.ts'
import { noteAsked } from '../../../packages/client/src/v3/commit-log/readd-requests.ts'
import { lookAfterCommitLogs } from '../../../packages/client/src/v3/commit-log/worker.ts'
import { readAllViews } from '../../../packages/client/src/v3/conversation/view.ts'
import { keys } from '../../../packages/client/src/v3/records/keys.ts'
import { encodeRow } from '../../../packages/client/src/v3/records/rows.ts'
import { hiding } from '../../client/lying-node.ts'
import { commitsIn } from './conversation.ts'
import type { Client, ClientProcess, LocalCommit } from './driver.ts'
import { native } from './native.ts'
import { startNode, type LocalNode } from './node.ts'
import { describeUnless } from './describe-unless.ts'

describeUnless(native.problem)('forks, with libxmtp', () => {
  let node: LocalNode
  let folder: string
  let processes: ClientProcess[]
  let files = 0
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xmtp-ts-forks-'))
  })
  afterAll(() => rm(folder, { recursive: true }))
  beforeEach(async () => {
    processes = []
    node = await startNode()
  })
  afterEach(async () => {
    await Promise.all(processes.map((one) => one.kill()))
    await node[Symbol.asyncDispose]()
  })

  const direct = () => grpcWebTransport({ url: node.url })
  const person = (number: number, transport = direct()) => personAt(transport, keyOf(number))

  async function startProcess(): Promise<ClientProcess> {
    const process = await native.start()
    processes.push(process)
    return process
  }

  /** A client of libxmtp whose workers look after commit logs whenever it is opened: else every five minutes. */
  async function stored() {
    const dbPath = join(folder, `${(files += 1)}.db3`)
    let process = await startProcess()
    let client = await process.newClient({ apiUrl: node.url, dbPath })
    const { privateKey } = client
    return {
      client: () => client,
      async reopen(): Promise<Client> {
        await process.kill()
        process = await startProcess()
        client = await process.newClient({ apiUrl: node.url, dbPath, privateKey })
        // Its workers have no end that could be waited for.
        await setTimeout(1_000)
        return client
      },
    }
  }

  async function allow({ core }: Person, id: string): Promise<void> {
    const value = encodeRow(Consent, { state: 2, consentedAtNs: 1n })
    await core.store.write({ put: [{ key: keys.consent('conversation', id), value }] })
  }

  const look = ({ core }: Person) => lookAfterCommitLogs(core)
  const info = ({ core }: Person, id: string) => commitLogInfo(core, id)
  const isForked = async (client: Client, id: string) =>
    (await (await client.conversation(id)).debugInfo()).isCommitLogForked
  const authenticator = async (client: Client, id: string) =>
    (await (await client.conversation(id)).debugInfo()).commits.at(-1)?.authenticator
  const ours = async (one: Person, id: string) => (await epoch(one, id)).slice(0, 6)

  it('libxmtp finds nothing wrong in what we publish, nor we in what it publishes', async () => {
    const [ann, bo] = [await person(1), await stored()]
    const id = await groupOf(ann, [])
    await addInboxes(ann, id, [bo.client().inboxId])
    await rename(ann, id, 'B')
    await bo.client().syncAll()
    await (await bo.client().conversation(id)).setConsent('allowed')
    await look(ann)
    await expect.poll(async () => isForked(await bo.reopen(), id), { timeout: 30_000 }).toBe(false)

    const theirs = await bo.client().newGroup([ann.core.self.inboxId])
    await theirs.updateName('C')
    await sync(ann)
    await allow(ann, theirs.id)
    await bo.reopen()
    await look(ann)
    const known = await info(ann, theirs.id)
    expect(known.isCommitLogForked).toBe(false)
    expect(known.remoteCommitLog.match(/commit_result: Success/g)).toHaveLength(2)

    // In a direct message both publish, with the key that its maker has put there.
    const dm = await bo.client().newDm(ann.core.self.inboxId)
    await sync(ann)
    await allow(ann, dm.id)
    await say(ann, dm.id, 'hello')
    await sync(ann)
    await look(ann)
    await dm.sync()
    await expect
      .poll(async () => isForked(await bo.reopen(), dm.id), { timeout: 30_000 })
      .toBe(false)
    await look(ann)
    expect((await info(ann, dm.id)).isCommitLogForked).toBe(false)
    expect(ann.refusals).toEqual([])
  }, 120_000)

  it('both note the same about commits that are late', async () => {
    const ann = await person(1)
    const bo = await (await startProcess()).newClient({ apiUrl: node.url })
    const id = await groupOf(ann, [])
    await addInboxes(ann, id, [bo.inboxId])
    await bo.syncAll()
    const seen = await bo.conversation(id)
    await seen.send('rotates first')
    const isLate = ({ result }: { readonly result: string }) => result === 'WrongEpoch'
    // Two who change a group at once do not always meet in one epoch.
    for (let round = 0; round < 30; round += 1) {
      await Promise.all([rename(ann, id, `A${round}`), seen.updateDescription(`B${round}`)])
      await seen.sync()
      await sync(ann)
      if (round > 1 && (await seen.debugInfo()).commits.some(isLate)) break
    }
    const resultsOf = (commits: ReturnType<typeof commitsIn>) =>
      commits
        .filter(({ sequenceId }) => sequenceId > 1)
        .map(({ sequenceId, result, epoch, authenticator }) => ({
          sequenceId,
          result,
          epoch,
          authenticator,
        }))
    const mine = resultsOf(commitsIn((await info(ann, id)).localCommitLog))
    const theirs = resultsOf((await seen.debugInfo()).commits)
    expect(mine.slice(-6)).toEqual(theirs.slice(-6))
    expect(new Set(mine.map(({ result }) => result))).toEqual(new Set(['Success', 'WrongEpoch']))
  }, 60_000)

  it('libxmtp lets us in again after a fork, when we ask for it', async () => {
    const hidden = new Set<bigint>()
    const [ann, bo] = [await person(1, hiding(direct(), hidden)), await stored()]
    const caro = await (await startProcess()).newClient({ apiUrl: node.url })
    const group = await bo.client().newGroup([ann.core.self.inboxId, caro.inboxId])
    const { id } = group
    await sync(ann)
    await allow(ann, id)
    await say(ann, id, 'before')
    await group.sync()
    await caro.syncAll()
    const atCaro = await caro.conversation(id)
    await atCaro.send('rotates')
    await group.sync()
    await sync(ann)
    // Of two commits of one epoch our node shows us the second one only.
    let late: LocalCommit | undefined
    for (let round = 0; round < 30 && late === undefined; round += 1) {
      await Promise.all([group.updateName(`B${round}`), atCaro.updateName(`C${round}`)])
      await group.sync()
      late = (await group.debugInfo()).commits.find(({ result }) => result === 'WrongEpoch')
    }
    const winner = (await group.debugInfo()).commits.findLast(
      ({ sequenceId, result }) => result === 'Success' && sequenceId < late!.sequenceId,
    )
    hidden.add(BigInt(winner!.sequenceId))
    await sync(ann)
    expect(await ours(ann, id)).not.toBe(await authenticator(bo.client(), id))

    await bo.reopen()
    await look(ann)
    expect((await info(ann, id)).isCommitLogForked).toBe(true)
    await lookAfterCommitLogs(ann.core, { enableRecoveryRequests: 'all' })
    await bo.client().syncAll()
    await expect
      .poll(
        async () => {
          const again = await bo.reopen()
          await (await again.conversation(id)).sync()
          await sync(ann)
          return (await ours(ann, id)) === (await authenticator(again, id))
        },
        { timeout: 60_000 },
      )
      .toBe(true)
    await say(ann, id, 'back')
    const atBo = await bo.client().conversation(id)
    await atBo.sync()
    await atBo.send('welcome back')
    await atCaro.sync()
    await sync(ann)
    expect((await atBo.texts()).slice(-2)).toEqual(['back', 'welcome back'])
    expect(await atCaro.texts()).toEqual(await atBo.texts())
    expect(await texts(ann, id)).toEqual(expect.arrayContaining(['before', 'back', 'welcome back']))
    // The oneshot group is shown to nobody.
    expect((await readAllViews(ann.core)).map((view) => view.id)).toEqual([id])
    expect((await bo.client().list()).map((one) => one.id)).toEqual([id])
  }, 180_000)

  it('we let libxmtp in again, and other clients of libxmtp go along', async () => {
    const ann = await person(1)
    const process = await startProcess()
    const bo = await process.newClient({ apiUrl: node.url })
    const caro = await process.newClient({ apiUrl: node.url })
    const id = await groupOf(ann, [])
    await addInboxes(ann, id, [bo.inboxId, caro.inboxId])
    const views = []
    for (const client of [bo, caro]) {
      await client.syncAll()
      views.push(await client.conversation(id))
    }
    const [atBo, atCaro] = views as [(typeof views)[0], (typeof views)[0]]
    await atBo.send('before')
    await sync(ann)
    await look(ann)
    await look(ann)
    // As if Bo's client had asked: those of node-sdk cannot be told to.
    const installationId = bytesFromHex(bo.installationId)!
    await noteAsked(ann.core, id, { installationId, at: 1n })
    await look(ann)
    await atCaro.sync()
    await bo.syncAll()
    await atBo.sync()
    for (const client of [bo, caro])
      expect(await authenticator(client, id)).toBe(await ours(ann, id))
    const kinds = (await atBo.debugInfo()).commits.map(({ type }) => type)
    expect(kinds.filter((type) => type === 'Welcome')).toHaveLength(2)
    expect((await atCaro.debugInfo()).commits.every(({ result }) => result === 'Success')).toBe(
      true,
    )
    await atBo.send('back')
    await atCaro.sync()
    await sync(ann)
    expect((await atCaro.texts()).at(-1)).toBe('back')
    expect((await texts(ann, id)).at(-1)).toBe('back')
    expect(await atBo.texts()).toEqual(['before', 'back'])
  }, 60_000)
})
