import { memoryTransport, type Transport } from '@xmtp-ts/client'
import { createNode, openMemoryLog, openMemoryV3Store, type Node } from '@xmtp-ts/node'
import { BatchQueryCommitLogResponse } from '@xmtp-ts/proto/mls/api/v1/mls'
import { CommitResult } from '@xmtp-ts/proto/mls/message_contents/commit_log'
import { Consent, LocalCommit } from '@xmtp-ts/proto/store/v1/store'
import { bytesFromHex, bytesToHex, v3 } from '@xmtp-ts/protocol'
import { attributeNames, decodeMutableMetadata } from '@xmtp-ts/protocol/group'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  epoch,
  groupOf,
  keyOf,
  person as personAt,
  rename,
  reopen,
  say,
  sync,
  texts,
  type Person,
} from '../../packages/client/test/person.ts'
import { commitLogInfo } from '../../packages/client/src/v3/commit-log/debug.ts'
import { lookAfterCommitLogs } from '../../packages/client/src/v3/commit-log/worker.ts'
import { beginDirect } from '../../packages/client/src/v3/conversation/begin.ts'
import { changeAdmins, changeAttribute } from '../../packages/client/src/v3/conversation/plans.ts'
import { readView } from '../../packages/client/src/v3/conversation/view.ts'
import { receiveMessages } from '../../packages/client/src/v3/group/receive.ts'
import { keys } from '../../packages/client/src/v3/records/keys.ts'
import { decodeRow, encodeRow, scanAll } from '../../packages/client/src/v3/records/rows.ts'
import { movableClock } from './clock.ts'
import { hiding } from './lying-node.ts'

let node: Node

beforeEach(async () => {
  node = await createNode({ log: openMemoryLog(), v3: openMemoryV3Store() })
})
afterEach(() => node[Symbol.asyncDispose]())

const direct = () => memoryTransport(node.memory())
const person = (number: number, transport: Transport = direct()) =>
  personAt(transport, keyOf(number))

async function allow({ core }: Person, id: string): Promise<void> {
  const value = encodeRow(Consent, { state: 2, consentedAtNs: 1n })
  await core.store.write({ put: [{ key: keys.consent('conversation', id), value }] })
}

const info = ({ core }: Person, id: string) => commitLogInfo(core, id)
const look = ({ core }: Person) => lookAfterCommitLogs(core)

async function localCommits({ core }: Person, id: string): Promise<readonly LocalCommit[]> {
  const records = await scanAll(core.store, keys.localCommits(id))
  return records.map(({ value }) => decodeRow(LocalCommit, value))
}

/** Counts calls by the last part of their path. */
function counting(inner: Transport) {
  const calls: string[] = []
  const transport: Transport = {
    unary(path, request, options) {
      calls.push(path.split('/').at(-1) ?? '')
      return inner.unary(path, request, options)
    },
    serverStream: (path, request, options) => inner.serverStream(path, request, options),
  }
  return { transport, calls }
}

describe('the log of commits', () => {
  it('has every commit, with the state before and after it, and how the group began', async () => {
    const [ann, ben] = [await person(1), await person(2)]
    const id = await groupOf(ann, [ben])
    await sync(ben)
    await rename(ann, id, 'B')
    await sync(ben)
    const [ours, theirs] = [await localCommits(ann, id), await localCommits(ben, id)]
    expect(ours.map(({ kind }) => kind)).toEqual([
      'GroupCreation',
      'UpdateGroupMembership',
      'MetadataUpdate',
    ])
    expect(theirs.map(({ kind }) => kind)).toEqual(['Welcome', 'MetadataUpdate'])
    expect(ours.map((commit) => commit.epoch)).toEqual([0n, 1n, 2n])
    for (const [index, commit] of ours.slice(1).entries())
      expect(commit.lastEpochAuthenticator).toEqual(ours[index]?.epochAuthenticator)
    expect(theirs.at(-1)).toMatchObject({
      sequenceId: ours.at(-1)?.sequenceId,
      result: CommitResult.COMMIT_RESULT_APPLIED,
      epochAuthenticator: ours.at(-1)?.epochAuthenticator,
      actorInboxId: ann.core.self.inboxId,
      actorInstallationId: ann.core.self.installationId,
    })
    expect(bytesToHex(theirs.at(-1)!.epochAuthenticator)).toBe(await epoch(ben, id))
  })

  it('has commits that failed, and what was wrong with them', async () => {
    const [ann, ben] = [await person(1), await person(2)]
    const id = await groupOf(ann, [ben])
    await sync(ben)
    await rename(ann, id, 'B')
    // Of the same epoch: the second one is late for everybody, and made again by who sent it.
    await Promise.all([rename(ann, id, 'C'), rename(ben, id, 'D')])
    await sync(ann)
    await sync(ben)
    for (const one of [ann, ben]) {
      const commits = await localCommits(one, id)
      const late = commits.filter(({ result }) => result === CommitResult.COMMIT_RESULT_WRONG_EPOCH)
      expect(late.length).toBeGreaterThan(0)
      for (const { epochAuthenticator, lastEpochAuthenticator, failure } of late) {
        expect(epochAuthenticator).toEqual(lastEpochAuthenticator)
        expect(failure).not.toBe('')
      }
    }
    expect([...ann.refusals, ...ben.refusals]).toEqual([])
  })

  it('leaves out what led to the welcome of who has just come', async () => {
    const [ann, ben] = [await person(1), await person(2)]
    const id = await groupOf(ann, [ben])
    await sync(ben)
    // The commit that added us comes after the welcome when a node tells no place of it.
    const { groupId } = (await readView(ben.core, id))!.row
    for await (const page of ben.core.mls.queryGroupMessages(groupId, 0n)) {
      await ben.core.groups.turn(id, () =>
        receiveMessages(
          ben.core,
          id,
          page.map((message) => ({ ...message, id: message.id + 100n })),
        ),
      )
    }
    expect((await localCommits(ben, id)).map(({ kind }) => kind)).toEqual(['Welcome'])
  })
})

describe('what the group publishes of its commits', () => {
  it('is published by super admins, read by all, and says that nobody is forked', async () => {
    const [ann, ben] = [await person(1), await person(2)]
    const id = await groupOf(ann, [ben])
    await sync(ben)
    await allow(ben, id)
    await rename(ann, id, 'B')
    await sync(ben)
    await look(ben)
    expect(await info(ben, id)).toMatchObject({
      isCommitLogForked: undefined,
      remoteCommitLog: '[]',
    })
    await look(ann)
    await look(ann)
    await look(ben)
    for (const one of [ann, ben]) {
      const { isCommitLogForked, remoteCommitLog, localCommitLog } = await info(one, id)
      expect(isCommitLogForked).toBe(false)
      expect(remoteCommitLog.match(/commit_result: Success/g)).toHaveLength(2)
      expect(localCommitLog).toContain('commit_type: Some("MetadataUpdate")')
    }
    expect([...ann.refusals, ...ben.refusals]).toEqual([])
  })

  it('is not known to be right before it has our newest commit', async () => {
    const [ann, ben] = [await person(1), await person(2)]
    const id = await groupOf(ann, [ben])
    await sync(ben)
    await look(ann)
    await rename(ann, id, 'B')
    await look(ann)
    expect((await info(ann, id)).isCommitLogForked).toBeUndefined()
    await look(ann)
    expect((await info(ann, id)).isCommitLogForked).toBe(false)
  })

  it('of a direct message both publish; what the user did not allow is neither read nor written', async () => {
    const counted = counting(direct())
    const [ann, ben] = [await person(1), await person(2, counted.transport)]
    const id = await beginDirect(ann.core, ben.core.self.inboxId, {})
    await sync(ben)
    await say(ben, id, 'hello')
    await look(ben)
    expect(counted.calls.filter((call) => call.startsWith('Batch'))).toEqual([])
    await allow(ben, id)
    await look(ben)
    expect(counted.calls.filter((call) => call.startsWith('Batch'))).toEqual([
      'BatchQueryCommitLog',
      'BatchPublishCommitLog',
    ])
    await sync(ann)
    await look(ann)
    expect((await info(ann, id)).isCommitLogForked).toBe(false)
  })

  it('is published and read once, whatever process looks', async () => {
    const counted = counting(direct())
    const ann = await person(1, counted.transport)
    const id = await groupOf(ann, [await person(2)])
    await look(ann)
    const again = await reopen(ann)
    counted.calls.length = 0
    await look(again)
    await look(again)
    expect(counted.calls).toEqual(['BatchQueryCommitLog', 'BatchQueryCommitLog'])
    expect((await info(again, id)).remoteCommitLog.match(/RemoteCommitLog/g)).toHaveLength(1)
  })

  it('counts by the key of its first entry only', async () => {
    const [ann, ben, eve] = [await person(1), await person(2), await person(3)]
    const id = await groupOf(ann, [ben])
    const groupId = bytesFromHex(id)!
    await look(ann)
    const forged = v3.signCommitLogEntry(new Uint8Array(32).fill(9), {
      groupId,
      commitSequenceId: 1_000n,
      lastEpochAuthenticator: new Uint8Array(32),
      commitResult: CommitResult.COMMIT_RESULT_APPLIED,
      appliedEpochNumber: 2n,
      appliedEpochAuthenticator: new Uint8Array(32),
    })
    await eve.core.mls.batchPublishCommitLog([{ groupId, entry: forged }])
    await look(ann)
    expect((await info(ann, id)).remoteCommitLog.match(/RemoteCommitLog/g)).toHaveLength(1)
    expect(ann.refusals.map(({ error }) => error.code)).toEqual(['v3.commitLog.badSignature'])
    await look(ann)
    expect(ann.refusals).toHaveLength(1)
  })

  it('begins with a key of who publishes first where the group has none, and is shared then', async () => {
    const ann = await person(1)
    const id = await groupOf(ann, [await person(2)])
    const signerOf = async () => {
      const { mutableMetadata } = (await readView(ann.core, id))!.row
      return decodeMutableMetadata(mutableMetadata).attributes.get(attributeNames.commitLogSigner)
    }
    await changeAttribute(ann.core, id, [attributeNames.commitLogSigner, ''])
    await look(ann)
    expect(await signerOf()).toBe('')
    await look(ann)
    await rename(ann, id, 'B')
    await look(ann)
    const seed = bytesFromHex((await signerOf())!)!
    expect(seed).toHaveLength(32)
    const [page] = await ann.core.mls.batchQueryCommitLog([
      { groupId: bytesFromHex(id)!, afterId: 0n },
    ])
    expect(page?.entries[0]?.signature.publicKey).toEqual(v3.commitLogKey(seed))
  })

  it('is not published by who lacks the key', async () => {
    const ann = await person(1)
    const id = await groupOf(ann, [await person(2)])
    const groupId = bytesFromHex(id)!
    const [first] = (await localCommits(ann, id)).slice(1)
    const entry = v3.signCommitLogEntry(new Uint8Array(32).fill(9), {
      groupId,
      commitSequenceId: first!.sequenceId,
      lastEpochAuthenticator: first!.lastEpochAuthenticator,
      commitResult: first!.result,
      appliedEpochNumber: first!.epoch,
      appliedEpochAuthenticator: first!.epochAuthenticator,
    })
    await ann.core.mls.batchPublishCommitLog([{ groupId, entry }])
    for (let round = 0; round < 3; round += 1) await look(ann)
    const [page] = await ann.core.mls.batchQueryCommitLog([{ groupId, afterId: 0n }])
    expect(page?.entries).toHaveLength(1)
    expect((await info(ann, id)).isCommitLogForked).toBe(false)
  })

  it('is read of the other groups when the node answers wrongly for one', async () => {
    let broken = ''
    const inner = direct()
    const lying: Transport = {
      async unary(path, request, options) {
        const answer = await inner.unary(path, request, options)
        if (!path.endsWith('/BatchQueryCommitLog')) return answer
        const { responses } = BatchQueryCommitLogResponse.decode(answer)
        return BatchQueryCommitLogResponse.encode({
          responses: responses.map((one) =>
            bytesToHex(one.groupId) === broken ? { ...one, groupId: new Uint8Array(3) } : one,
          ),
        }).finish()
      },
      serverStream: (path, request, options) => inner.serverStream(path, request, options),
    }
    const reported: unknown[] = []
    const ann = await reopen(await person(1, lying), { report: (error) => reported.push(error) })
    const ben = await person(2)
    const [good, bad] = [await groupOf(ann, [ben]), await groupOf(ann, [ben])]
    await look(ann)
    broken = bad
    await look(ann)
    expect((await info(ann, good)).isCommitLogForked).toBe(false)
    expect((await info(ann, bad)).isCommitLogForked).toBeUndefined()
    expect(reported).toMatchObject([{ code: 'client.network.malformedAnswer' }])
    broken = ''
    await look(ann)
    expect((await info(ann, bad)).isCommitLogForked).toBe(false)
  })
})

describe('a fork', () => {
  it('that a lying node made is found, stays found, and holds up nothing else', async () => {
    const hidden = new Set<bigint>()
    const [ann, ben, cleo] = [
      await person(1),
      await person(2, hiding(direct(), hidden)),
      await person(3),
    ]
    const id = await groupOf(ann, [ben, cleo])
    const other = await groupOf(ann, [ben])
    await sync(ben)
    await sync(cleo)
    await rename(ann, other, 'B')
    await sync(ben)
    for (const group of [id, other]) await allow(ben, group)
    await allow(cleo, id)
    await rename(ann, id, 'A2')
    hidden.add((await localCommits(ann, id)).at(-1)!.sequenceId)
    // Made in the epoch that Ann has just ended: everybody but Ben sees that it is late.
    await rename(cleo, id, 'C')
    await sync(ann)
    await sync(ben)
    await sync(cleo)
    expect(await epoch(ann, id)).toBe(await epoch(cleo, id))
    expect(await epoch(ben, id)).not.toBe(await epoch(ann, id))
    await look(ann)
    for (const one of [ann, ben, cleo]) await look(one)
    expect((await info(ann, id)).isCommitLogForked).toBe(false)
    expect((await info(cleo, id)).isCommitLogForked).toBe(false)
    expect((await info(ben, id)).isCommitLogForked).toBe(true)
    expect((await info(ben, other)).isCommitLogForked).toBe(false)
    await look(ben)
    expect((await info(ben, id)).isCommitLogForked).toBe(true)
    await say(ann, other, 'still here')
    await sync(ben)
    expect(await texts(ben, other)).toEqual(['still here'])
    expect(ben.refusals.every(({ conversationId }) => conversationId === id)).toBe(true)
  })

  it('is none when a node shows a commit late: what failed meanwhile is not said to anybody', async () => {
    const hidden = new Set<bigint>()
    const [ann, ben, cleo] = [
      await person(1),
      await person(2, hiding(direct(), hidden)),
      await person(3),
    ]
    const id = await groupOf(ann, [ben, cleo])
    const change = { list: 'superAdmins', inboxId: ben.core.self.inboxId, isMember: true } as const
    await changeAdmins(ann.core, id, change)
    for (const one of [ben, cleo]) {
      await sync(one)
      await allow(one, id)
    }
    await rename(ann, id, 'first')
    hidden.add((await localCommits(ann, id)).at(-1)!.sequenceId)
    await rename(ann, id, 'second')
    for (const one of [ben, cleo]) await sync(one)
    expect((await localCommits(ben, id)).at(-1)?.result).toBe(
      CommitResult.COMMIT_RESULT_WRONG_EPOCH,
    )
    await look(ben)
    await look(ann)
    await look(ben)
    expect((await info(ben, id)).isCommitLogForked).not.toBe(true)
    hidden.clear()
    await sync(ben)
    expect(await epoch(ben, id)).toBe(await epoch(ann, id))
    expect((await localCommits(ben, id)).map(({ kind }) => kind)).toEqual([
      'Welcome',
      'UpdateAdminList',
      'MetadataUpdate',
      'MetadataUpdate',
    ])
    for (const one of [ben, ann, ben, cleo]) await look(one)
    for (const one of [ann, ben, cleo]) expect((await info(one, id)).isCommitLogForked).toBe(false)
  })

  it('shows by commits that failed, when nothing has come of reading again', async () => {
    const hidden = new Set<bigint>()
    const { environment, advance } = movableClock()
    const ann = await person(1)
    const ben = await reopen(await person(2, hiding(direct(), hidden)), { environment })
    const id = await groupOf(ann, [ben])
    await sync(ben)
    await allow(ben, id)
    await rename(ann, id, 'first')
    hidden.add((await localCommits(ann, id)).at(-1)!.sequenceId)
    await rename(ann, id, 'second')
    await sync(ben)
    await look(ann)
    await look(ben)
    expect((await info(ben, id)).isCommitLogForked).toBeUndefined()
    advance(600_000)
    await look(ben)
    expect((await info(ben, id)).isCommitLogForked).toBe(true)
  })
})
