// One SDK in a process of its own, told by lines of JSON what to do, which it times itself. Started with the module of the
// SDK: `@xmtp/node-sdk`, or ours, whose calls are the same.
import type * as Sdk from '@xmtp-ts/client'
import { createInterface } from 'node:readline'
import { hexToBytes, type Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

export type Open = {
  readonly client: string
  readonly url: string
  readonly key: Hex
  readonly path: string
}

type At = { readonly client: string; readonly group: string }

/** What something took; `startedAt` and the times of `arrivals` are of one clock, in ms since 1970. */
export type Took<T = null> = {
  readonly ms: number
  /** Of all threads of the process. */
  readonly cpuMs: number
  readonly startedAt: number
  readonly value: T
}

export type Arrival = {
  readonly at: number
  readonly conversationId: string
  readonly text: string
}

/** What a host can do. All but the last four are timed. */
export type Operations = {
  open(options: Open): Promise<string>
  createDm(options: { readonly client: string; readonly inboxId: string }): Promise<string>
  createGroup(options: {
    readonly client: string
    readonly inboxIds: readonly string[]
  }): Promise<string>
  add(options: At & { readonly inboxId: string }): Promise<null>
  remove(options: At & { readonly inboxId: string }): Promise<null>
  rename(options: At & { readonly name: string }): Promise<null>
  send(options: At & { readonly text: string }): Promise<null>
  sync(options: { readonly client: string }): Promise<null>
  syncGroup(options: At): Promise<null>
  syncAll(options: { readonly client: string }): Promise<null>
  list(options: { readonly client: string }): Promise<number>
  countMessages(options: At): Promise<number>
  stream(options: { readonly client: string }): Promise<null>
  /** Waits for the first thing of a conversation that came after a time. */
  arrival(options: { readonly group: string; readonly after: number }): Promise<Arrival>
  residentBytes(options: Record<string, never>): Promise<number>
}

const { Client, ConsentState } = (await import(process.argv[2]!)) as typeof Sdk
const clients = new Map<string, Sdk.Client>()
const arrivals: Arrival[] = []
const waiting = new Set<() => void>()

const now = () => performance.timeOrigin + performance.now()
const clientOf = (name: string) => clients.get(name)!

function arrived(conversationId: string, text: string): void {
  arrivals.push({ at: now(), conversationId, text })
  for (const wake of waiting) wake()
}

/** Apps hold their conversations: looking one up is not timed. */
const held = new Map<string, Sdk.Group>()

async function hold({ client, group }: At): Promise<void> {
  if (held.has(client + group)) return
  const found = await clientOf(client).conversations.getConversationById(group)
  held.set(client + group, found as Sdk.Group)
}

const groupOf = ({ client, group }: At) => held.get(client + group)!

function signerOf(key: Hex) {
  const account = privateKeyToAccount(key)
  return {
    type: 'EOA' as const,
    getIdentifier: () => ({
      identifier: account.address.toLowerCase(),
      identifierKind: 0 as const,
    }),
    signMessage: async (message: string) => hexToBytes(await account.signMessage({ message })),
  }
}

const operations: Operations = {
  async open({ client, url, key, path }) {
    const options = { env: 'local', apiUrl: url, dbPath: path, disableDeviceSync: true } as const
    const opened = await Client.create(signerOf(key), options)
    clients.set(client, opened)
    return opened.inboxId
  },
  async createDm({ client, inboxId }) {
    return (await clientOf(client).conversations.createDm(inboxId)).id
  },
  async createGroup({ client, inboxIds }) {
    return (await clientOf(client).conversations.createGroup([...inboxIds])).id
  },
  async add({ inboxId, ...at }) {
    await groupOf(at).addMembers([inboxId])
    return null
  },
  async remove({ inboxId, ...at }) {
    await groupOf(at).removeMembers([inboxId])
    return null
  },
  async rename({ name, ...at }) {
    await groupOf(at).updateName(name)
    return null
  },
  async send({ text, ...at }) {
    await groupOf(at).sendText(text)
    return null
  },
  async sync({ client }) {
    await clientOf(client).conversations.sync()
    return null
  },
  async syncGroup(at) {
    await groupOf(at).sync()
    return null
  },
  async syncAll({ client }) {
    await clientOf(client).conversations.syncAll([ConsentState.Unknown, ConsentState.Allowed])
    return null
  },
  list: async ({ client }) => (await clientOf(client).conversations.list()).length,
  countMessages: async (at) => groupOf(at).countMessages(),
  async stream({ client }) {
    const { conversations } = clientOf(client)
    await conversations.stream({ onValue: ({ id }) => arrived(id, '') })
    await conversations.streamAllMessages({
      onValue: ({ conversationId, content }) =>
        arrived(conversationId, typeof content === 'string' ? content : ''),
    })
    return null
  },
  async arrival({ group, after }) {
    for (;;) {
      const found = arrivals.find(
        ({ conversationId, at }) => conversationId === group && at > after,
      )
      if (found !== undefined) return found
      await new Promise<void>((resolve) => {
        const wake = () => {
          waiting.delete(wake)
          resolve()
        }
        waiting.add(wake)
      })
    }
  },
  async residentBytes() {
    globalThis.gc?.()
    return process.memoryUsage.rss()
  },
}

async function timed<T>(work: () => Promise<T>): Promise<Took<T>> {
  const cpu = process.cpuUsage()
  const startedAt = now()
  const value = await work()
  const ms = now() - startedAt
  const { user, system } = process.cpuUsage(cpu)
  return { ms, cpuMs: (user + system) / 1e3, startedAt, value }
}

export type Request = {
  readonly id: number
  readonly name: keyof Operations
  readonly options: never
}
export type Answer = { readonly id: number; readonly took?: Took<unknown>; readonly error?: string }

async function answer({ id, name, options }: Request): Promise<Answer> {
  try {
    const at: Partial<At> = options
    if (at.client !== undefined && at.group !== undefined)
      await hold({ client: at.client, group: at.group })
    return { id, took: await timed<unknown>(() => operations[name](options)) }
  } catch (error) {
    return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}

for await (const line of createInterface({ input: process.stdin }))
  void answer(JSON.parse(line) as Request).then((it) =>
    process.stdout.write(`${JSON.stringify(it)}\n`),
  )
for (const client of clients.values()) if ('close' in client) await client.close()
process.exit(0)
