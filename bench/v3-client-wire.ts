import type { Bench } from './v3-client-groups.ts'
import { kinds, startHost, type Kind } from './v3-client-process.ts'
import { printTable } from './support.ts'
import { openWire } from './wire.ts'
import { generatePrivateKey } from 'viem/accounts'

type Count = { readonly calls: number; readonly bytes: number; readonly names: string }
type Counts = Map<string, Partial<Record<Kind, Count>>>

/** Calls and bytes of one operation after another, as they pass on the way to the node. */
export async function measureWire(bench: Bench): Promise<void> {
  const counts: Counts = new Map()
  for (const kind of kinds) await countAll(bench, kind, counts)
  console.log('On the wire, per operation\n')
  printTable(
    [...counts].map(([what, { theirs, ours }]) => ({
      what,
      'calls theirs': theirs?.calls ?? 0,
      'calls ours': ours?.calls ?? 0,
      'bytes theirs': theirs?.bytes ?? 0,
      'bytes ours': ours?.bytes ?? 0,
      'by ours': ours?.names ?? '',
      'by theirs': theirs?.names ?? '',
    })),
  )
}

async function countAll(bench: Bench, kind: Kind, counts: Counts): Promise<void> {
  const { node, stores, crowd } = bench
  await using wire = await openWire(node.url)
  const host = startHost(kind)
  const count = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    const before = { calls: await callsOf(node.url), bytes: wire.bytes() }
    const value = await work()
    // What follows by itself belongs to it, such as reading back what was sent.
    await new Promise((resolve) => setTimeout(resolve, 300))
    const row = counts.get(what) ?? {}
    row[kind] = {
      ...difference(before.calls, await callsOf(node.url)),
      bytes: wire.bytes() - before.bytes,
    }
    counts.set(what, row)
    return value
  }
  const options = { client: 'it', url: wire.url, key: generatePrivateKey(), path: stores.path() }
  const { value: inboxId } = await count('create a client', () => host.do('open', options))
  const ids = crowd.clients.map((client) => client.inboxId)
  const [peer = '', ...others] = ids
  await count('create a DM', () => host.do('createDm', { client: 'it', inboxId: peer }))
  const inboxIds = others.slice(0, 9)
  const made = await count('create a group of 10', () =>
    host.do('createGroup', { client: 'it', inboxIds }),
  )
  const at = { client: 'it', group: made.value }
  const added = { ...at, inboxId: others[9] ?? '' }
  await count('add one', () => host.do('add', added))
  await count('rename', () => host.do('rename', { ...at, name: 'Another' }))
  await count('remove one', () => host.do('remove', added))
  await count('send', () => host.do('send', { ...at, text: 'A message of the usual length.' }))
  await count('send once more', () =>
    host.do('send', { ...at, text: 'A message of the usual length.' }),
  )
  await count('syncAll, nothing new', () => host.do('syncAll', { client: 'it' }))
  const [one] = crowd.clients
  const theirs = await one?.conversations.createGroup([inboxId])
  await theirs?.sendText('A message of the usual length.')
  await count('syncAll, a new group with a message', () => host.do('syncAll', { client: 'it' }))
  await count('open streams, beside the two that stay open', () =>
    host.do('stream', { client: 'it' }),
  )
  await host.end()
}

async function callsOf(url: string): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const calls = new Map<string, number>()
  for (const [, labels = '', value] of text.matchAll(
    /^grpc_server_handled_total\{(.*)\} (\d+)$/gm,
  )) {
    const method = /grpc_method="(\w+)"/.exec(labels)?.[1] ?? labels
    calls.set(method, (calls.get(method) ?? 0) + Number(value))
  }
  return calls
}

function difference(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): Pick<Count, 'calls' | 'names'> {
  const made = [...after]
    .map(([method, count]) => [method, count - (before.get(method) ?? 0)] as const)
    .filter(([, count]) => count > 0)
  const names = made.map(([method, count]) => (count === 1 ? method : `${method} ×${count}`))
  return { calls: made.reduce((sum, [, count]) => sum + count, 0), names: names.join(', ') }
}
