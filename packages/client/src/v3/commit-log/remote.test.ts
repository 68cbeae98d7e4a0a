import { CommitResult } from '@xmtp-ts/proto/mls/message_contents/commit_log'
import { expect, it } from 'vitest'
import { follows } from './remote.ts'

const applied = CommitResult.COMMIT_RESULT_APPLIED
const invalid = CommitResult.COMMIT_RESULT_INVALID
const state = (number: number) => new Uint8Array(32).fill(number)

/** The group is in epoch 4 by commit 10. */
const newest = { sequenceId: 10n, result: applied, epoch: 4n, epochAuthenticator: state(4) }

const entry = (fields: {
  readonly id?: bigint
  readonly from?: number
  readonly to: number
  readonly epoch: bigint
  readonly result?: CommitResult
}) => ({
  groupId: new Uint8Array(16),
  commitSequenceId: fields.id ?? 11n,
  lastEpochAuthenticator: state(fields.from ?? 4),
  commitResult: fields.result ?? applied,
  appliedEpochNumber: fields.epoch,
  appliedEpochAuthenticator: state(fields.to),
})

it.each([
  ['the next epoch from this one', entry({ to: 5, epoch: 5n }), true],
  ['a failure in this epoch', entry({ to: 4, epoch: 4n, result: invalid }), true],
  ['the same commit by somebody else', entry({ id: 10n, to: 5, epoch: 5n }), false],
  ['an older commit', entry({ id: 9n, to: 5, epoch: 5n }), false],
  ['how a group began somewhere', entry({ id: 0n, to: 5, epoch: 5n }), false],
  ['an epoch left out', entry({ to: 6, epoch: 6n }), false],
  ['the next epoch from another state', entry({ from: 9, to: 5, epoch: 5n }), false],
  ['a failure in another state', entry({ to: 9, epoch: 4n, result: invalid }), false],
  ['a failure in another epoch', entry({ to: 4, epoch: 5n, result: invalid }), false],
])('%s', (_, next, isTaken) => {
  expect(follows(newest, next)).toBe(isTaken)
})

it('the first entry may be any commit', () => {
  expect(follows(undefined, entry({ id: 7n, from: 9, to: 3, epoch: 30n }))).toBe(true)
  expect(follows(undefined, entry({ id: 0n, from: 9, to: 3, epoch: 30n }))).toBe(false)
})
