import { v3 } from '@xmtp-ts/protocol'
import { expect, it } from 'vitest'
import { openMemoryV3Store } from '../log/v3-memory.ts'
import type { IdentityStore } from '../log/v3-store.ts'
import { createInThreadVerifier } from '../verify/identity-verifier.ts'
import { publishIdentityUpdate } from './identity-update.ts'

const secret = (number: number) => new Uint8Array(32).fill(number)
const member = (number: number) => v3.installationIdentifier(v3.installationKey(secret(number)))
const owner = v3.ethereumIdentifier(`0x${'ab'.repeat(20)}`)
const inboxId = v3.deriveInboxId(owner, 1n)
const account = v3.parseAccountId(`eip155:1:0x${'ab'.repeat(20)}`)

/** A contract wallet signs, whose chain says yes: signing costs nothing here. */
const wallet = (number: number): v3.ContractSignature => ({
  kind: 'erc1271',
  account,
  blockNumber: 1n,
  bytes: Buffer.from(`signature ${number}`),
})

function update(number: number): v3.IdentityUpdate {
  const clientTimestampNs = BigInt(number) * 1_000_000_000n
  const signature = wallet(number)
  if (number === 0)
    return {
      inboxId,
      clientTimestampNs,
      actions: [{ kind: 'createInbox', identifier: owner, nonce: 1n, signature }],
    }
  // The same installation comes and goes, so that only the log grows.
  if (number % 2 === 0)
    return {
      inboxId,
      clientTimestampNs,
      actions: [{ kind: 'revoke', member: member(1), signature }],
    }
  const text = v3.identityUpdateText({
    inboxId,
    clientTimestampNs,
    actions: [{ kind: 'add', member: member(1) }],
  })
  const newSignature = v3.signAsInstallation(secret(1), text)
  return {
    inboxId,
    clientTimestampNs,
    actions: [{ kind: 'add', member: member(1), existingSignature: signature, newSignature }],
  }
}

/** Counts what publishing does: signatures that are verified, and calls of the store. */
function openCounted() {
  const { identity } = openMemoryV3Store()
  const work = { signatures: 0, chainCalls: 0, has: 0, stateOf: 0, append: 0, pages: 0 }
  const counted: IdentityStore = {
    log: {
      head: () => identity.log.head(),
      page: (page) => {
        work.pages += 1
        return identity.log.page(page)
      },
    },
    has: (topic, digest) => {
      work.has += 1
      return identity.has(topic, digest)
    },
    stateOf: (topic) => {
      work.stateOf += 1
      return identity.stateOf(topic)
    },
    append: (append, nowMs) => {
      work.append += 1
      return identity.append(append, nowMs)
    },
    inboxesOf: (identifiers) => identity.inboxesOf(identifiers),
  }
  const verifier = createInThreadVerifier()
  const parts = {
    store: { identity: counted },
    contracts: {
      verify: async () => {
        work.chainCalls += 1
        return { isValid: true, blockNumber: 1n }
      },
    },
    verifier: {
      verify: (each: v3.IdentityUpdate, verdicts: v3.ContractVerdicts) => {
        for (const action of each.actions) work.signatures += action.kind === 'add' ? 2 : 1
        return verifier.verify(each, verdicts)
      },
    },
    nowMs: () => 1,
  }
  return { parts, work }
}

it('B15: the 200th update of an inbox is as much work as the second: nothing of the log is read', async () => {
  const { parts, work } = openCounted()
  const costs: (typeof work)[] = []
  for (let number = 0; number < 200; number += 1) {
    const before = { ...work }
    await publishIdentityUpdate(update(number), parts)
    costs.push({
      signatures: work.signatures - before.signatures,
      chainCalls: work.chainCalls - before.chainCalls,
      has: work.has - before.has,
      stateOf: work.stateOf - before.stateOf,
      append: work.append - before.append,
      pages: work.pages - before.pages,
    })
  }
  expect(costs[1]).toEqual({
    signatures: 2,
    chainCalls: 1,
    has: 1,
    stateOf: 1,
    append: 1,
    pages: 0,
  })
  expect(costs.at(-1)).toEqual(costs[1])
  const additions = costs.filter((_, number) => number % 2 === 1)
  expect(new Set(additions.map((cost) => JSON.stringify(cost))).size).toBe(1)
})

it('a signature that does not hold is looked at once, and the store is not written to', async () => {
  const { parts, work } = openCounted()
  await publishIdentityUpdate(update(0), parts)
  const [action] = update(1).actions
  const forged = v3.signAsInstallation(secret(2), 'another text')
  if (action?.kind !== 'add') throw new TypeError('The first update after the creation adds.')
  const wrong = { ...update(1), actions: [{ ...action, newSignature: forged }] }
  await expect(publishIdentityUpdate(wrong, parts)).rejects.toMatchObject({
    code: expect.stringMatching(/^v3\.identity\.signature\./),
  })
  expect([work.signatures, work.append]).toEqual([3, 1])
})
