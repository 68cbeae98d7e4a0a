import { CommitResult } from '@xmtp-ts/proto/mls/message_contents/commit_log'
import { ForkState, LocalCommit, RemoteCommit } from '@xmtp-ts/proto/store/v1/store'
import { expect, it } from 'vitest'
import { keptCommits, trimmedCommits } from '../../limits.ts'
import { systemEnvironment } from '../../environment.ts'
import { openMemoryRecords } from '../../store/memory-records.ts'
import { keys } from '../records/keys.ts'
import { encodeRow, scanAll } from '../records/rows.ts'
import { numberOf } from '../stream/log.ts'
import { checkFork, compareCommits } from './compare.ts'
import { trimCommits } from './trim.ts'

const { FORK_STATE_UNKNOWN: unknown, FORK_STATE_NONE: none, FORK_STATE_FORKED: forked } = ForkState

const result = CommitResult.COMMIT_RESULT_APPLIED

const seen = (place: bigint, sequenceId: bigint, state: number) => {
  const row = {
    sequenceId,
    epochAuthenticator: new Uint8Array(32).fill(state),
    result,
    epoch: 1n,
  }
  const more = { lastEpochAuthenticator: new Uint8Array(), kind: '', failure: '', notedAtNs: 0n }
  const actor = { actorInboxId: '', actorInstallationId: new Uint8Array() }
  return {
    place,
    isSettled: true,
    row: { ...row, ...more, ...actor } satisfies LocalCommit & RemoteCommit,
  }
}

it('nothing new leaves what was known', () => {
  for (const before of [unknown, none])
    expect(compareCommits([], [seen(1n, 1n, 1)], before)).toEqual({ fork: before })
})

it('nothing in common is nothing known', () => {
  expect(compareCommits([seen(2n, 2n, 2)], [seen(9n, 1n, 1)], none)).toEqual({ fork: unknown })
})

it('the same state after our newest commit is no fork', () => {
  const local = [seen(3n, 2n, 2), seen(2n, 1n, 1)]
  const remote = [seen(8n, 2n, 2), seen(7n, 1n, 1)]
  expect(compareCommits(local, remote, unknown)).toEqual({
    fork: none,
    at: { local: 3n, remote: 8n },
  })
})

it('after an earlier one, it is not known yet', () => {
  const local = [seen(3n, 2n, 2), seen(2n, 1n, 1)]
  expect(compareCommits(local, [seen(7n, 1n, 1)], none)).toEqual({
    fork: unknown,
    at: { local: 2n, remote: 7n },
  })
})

it('another state is a fork, whatever came before and after it', () => {
  const local = [seen(3n, 2n, 2), seen(2n, 1n, 5)]
  expect(compareCommits(local, [seen(7n, 1n, 1)], none)).toEqual({
    fork: forked,
    at: { local: 2n, remote: 7n },
  })
})

it('the newest 1,000 entries of a log stay', async () => {
  const store = openMemoryRecords()
  const prefix = keys.localCommits('aa')
  const append = Array.from({ length: keptCommits + trimmedCommits - 1 }, (_, index) => ({
    prefix,
    value: Uint8Array.of(index % 256),
  }))
  await store.write({ append })
  const places = async () => (await scanAll(store, prefix)).map(({ key }) => numberOf(prefix, key))
  await trimCommits({ store }, prefix)
  expect(await places()).toHaveLength(append.length)
  await store.write({ append: append.slice(0, 2) })
  const last = (await places()).at(-1)
  await trimCommits({ store }, prefix)
  expect(await places()).toHaveLength(keptCommits)
  expect((await places()).at(-1)).toBe(last)
})

it('what was met before we came into the group anew says nothing about it', async () => {
  const store = openMemoryRecords()
  const groupId = 'aa'
  const local = (sequenceId: bigint, state: number) => ({
    prefix: keys.localCommits(groupId),
    value: encodeRow(LocalCommit, seen(0n, sequenceId, state).row),
  })
  const remote = (sequenceId: bigint, state: number) => ({
    key: keys.remoteCommit(groupId, sequenceId),
    value: encodeRow(RemoteCommit, seen(0n, sequenceId, state).row),
  })
  const core = { store, environment: systemEnvironment }
  await store.write({ put: [remote(5n, 5)], append: [local(5n, 9), local(0n, 6)] })
  expect(await checkFork(core, groupId)).toBe(unknown)
  await store.write({ put: [remote(7n, 7)], append: [local(7n, 7)] })
  expect(await checkFork(core, groupId)).toBe(none)
  await store.write({ put: [remote(8n, 8)], append: [local(8n, 9)] })
  expect(await checkFork(core, groupId)).toBe(forked)
})
