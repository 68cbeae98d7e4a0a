import { turnsOf, type Bench } from './v3-client-groups.ts'
import { kinds, type Kind } from './v3-client-process.ts'
import { fillWithGroups, type Account } from './v3-client-world.ts'

type Accounts = Record<Kind, Account>

async function createAccounts({ stores, node }: Bench): Promise<Accounts> {
  return {
    theirs: await stores.create('theirs', node.url),
    ours: await stores.create('ours', node.url),
  }
}

/** A new process whose installation was away: welcomes wait, then messages, then nothing. */
export async function measureCold(bench: Bench, sizes: readonly number[]): Promise<void> {
  const { results, crowd, stores, node } = bench
  const accounts = new Map<number, Accounts>()
  for (const size of sizes) accounts.set(size, await createAccounts(bench))
  const memberships = [...accounts].flatMap(([size, { theirs, ours }]) =>
    Array.from({ length: size }, () => [theirs.inboxId, ours.inboxId]),
  )
  const groups = await fillWithGroups(crowd, memberships)
  const joined = new Map<number, Accounts>()
  for (const [size, each] of accounts) {
    joined.set(size, await measureFirstSync(bench, size, each))
    results.print(`${size} conversations of three, one message in each: milliseconds`)
  }
  for (const group of groups) await group.sendText('One more.')
  for (const [size, each] of joined) {
    for (let round = 0; round < bench.rounds; round += 1)
      for (const kind of turnsOf(round)) {
        const { host } = await stores.open(each[kind], node.url)
        const took = await host.do('syncAll', { client: 'it' })
        results.note('syncAll, a new message in each', kind, took)
        await host.end()
      }
    for (const kind of kinds) await measureIdle(bench, kind, each[kind])
    results.print(`${size} conversations of three, known: milliseconds; memory in MB`)
  }
}

/** @returns the accounts with all conversations in their stores */
async function measureFirstSync(
  { results, stores, node, rounds }: Bench,
  size: number,
  accounts: Accounts,
): Promise<Accounts> {
  const joined = { ...accounts }
  for (let round = 0; round < rounds; round += 1)
    for (const kind of turnsOf(round)) {
      const { host, account } = await stores.open(accounts[kind], node.url)
      const took = await host.do('syncAll', { client: 'it' })
      results.note('syncAll, all conversations new', kind, took)
      const { value: count } = await host.do('list', { client: 'it' })
      if (count !== size) throw new Error(`${kind} has ${count} conversations, not ${size}.`)
      await host.end()
      joined[kind] = account
    }
  return joined
}

async function measureIdle(
  { results, stores, node, rounds }: Bench,
  kind: Kind,
  account: Account,
): Promise<void> {
  const empty = await stores.create(kind, node.url)
  for (let round = 0; round < rounds; round += 1) {
    const before = await stores.open(empty, node.url)
    const { value: emptyBytes } = await before.host.do('residentBytes', {})
    await before.host.end()
    const { host, openMs } = await stores.open(account, node.url)
    results.note('open the client', kind, { ms: openMs })
    results.note('list, the first', kind, await host.do('list', { client: 'it' }))
    results.note('list, once more', kind, await host.do('list', { client: 'it' }))
    const { value: listedBytes } = await host.do('residentBytes', {})
    await host.do('syncAll', { client: 'it' })
    results.note('syncAll, nothing new', kind, await host.do('syncAll', { client: 'it' }))
    const { value: syncedBytes } = await host.do('residentBytes', {})
    await host.end()
    results.note('MB of a process with no conversation', kind, { ms: emptyBytes / 1e6 })
    results.note('MB more when they are listed', kind, { ms: (listedBytes - emptyBytes) / 1e6 })
    results.note('MB more after syncAll, a new message in each', kind, {
      ms: (syncedBytes - emptyBytes) / 1e6,
    })
  }
}

/** One group with many messages that nobody here has read. */
export async function measureHistory(bench: Bench, count: number): Promise<void> {
  const { crowd, stores, node, results, rounds } = bench
  const accounts = await createAccounts(bench)
  const memberships = [[accounts.theirs.inboxId, accounts.ours.inboxId]]
  const [group] = await fillWithGroups(crowd, memberships)
  if (group === undefined) return
  for (let index = 1; index < count; index += 1)
    await group.sendText(`Message ${index} of the usual length, as people write them.`, true)
  await group.publishMessages()
  for (let round = 0; round < rounds; round += 1)
    for (const kind of turnsOf(round)) {
      const { host } = await stores.open(accounts[kind], node.url)
      await host.do('sync', { client: 'it' })
      const at = { client: 'it', group: group.id }
      results.note(`sync of ${count} messages`, kind, await host.do('syncGroup', at))
      const { value } = await host.do('countMessages', at)
      if (value < count) throw new Error(`${kind} has ${value} messages, not ${count}.`)
      await host.end()
    }
  results.print('One group of three: milliseconds')
}
