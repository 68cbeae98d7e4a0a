import { systemEnvironment, type Environment } from '../../packages/client/src/environment.ts'
import {
  Client,
  GroupMessageKind,
  memoryTransport,
  type ClientOptions,
  type DecodedMessage,
  type Group,
  type Refusal,
  type Transport,
} from '@xmtp-ts/client'
import {
  createNode,
  openMemoryLog,
  openMemoryV3Store,
  type Node,
  type NodeParts,
} from '@xmtp-ts/node'
import { afterEach, beforeEach, expect } from 'vitest'

export const walletKey = (number: number) => number.toString(16).padStart(64, '0')

/**
 * A node, and clients of it that are closed after each test; nothing may have been refused or have failed.
 * @param environment of all of them
 * @param parts of the node
 */
export function world({
  environment = systemEnvironment,
  ...parts
}: Pick<NodeParts, 'history'> & { readonly environment?: Environment } = {}) {
  let node: Node
  const opened: AsyncDisposable[] = []
  const refusals: Refusal[] = []
  const failures: unknown[] = []
  const warnings: Error[] = []
  const warn = (warning: Error) => warnings.push(warning)

  beforeEach(async () => {
    process.on('warning', warn)
    node = await createNode({
      log: openMemoryLog(),
      v3: openMemoryV3Store(),
      listen: [{ host: '127.0.0.1', port: 0 }],
      nowMs: environment.nowMs,
      ...parts,
    })
  })

  afterEach(async () => {
    for (const one of opened.splice(0).toReversed()) await one[Symbol.asyncDispose]()
    await node[Symbol.asyncDispose]()
    expect(refusals.splice(0)).toEqual([])
    expect(failures.splice(0)).toEqual([])
    process.off('warning', warn)
    expect(warnings.splice(0).filter(({ name }) => name === 'MaxListenersExceededWarning')).toEqual(
      [],
    )
  })

  const options = () =>
    ({
      transport: memoryTransport(node.memory()),
      dbPath: null,
      environment,
      disableDeviceSync: true,
      onRefused: (refusal) => refusals.push(refusal),
      onError: (error) => failures.push(error),
    }) satisfies ClientOptions

  return {
    options,
    node: () => node,
    refusals,
    keep<T extends AsyncDisposable>(one: T): T {
      opened.push(one)
      return one
    },
    async open(number: number, more: ClientOptions = {}): Promise<Client> {
      const client: Client = await Client.create(walletKey(number), { ...options(), ...more })
      opened.push(client)
      return client
    },
  }
}

/** A transport that does something once before it sends to a group: `first.next` is set when all is ready. */
export function sendingAfter(
  inner: Transport,
  first: { next: (() => Promise<unknown>) | undefined },
): Transport {
  return {
    ...inner,
    serverStream: (...call) => inner.serverStream(...call),
    async unary(path, request, options) {
      const { next } = first
      if (path.endsWith('/SendGroupMessages') && next !== undefined) {
        first.next = undefined
        await next()
      }
      return inner.unary(path, request, options)
    },
  }
}

/** The same group on another side, up to date. */
export async function seen(client: Client, group: Group): Promise<Group> {
  await client.conversations.syncAll()
  const found = (await client.conversations.listGroups()).find(({ id }) => id === group.id)
  if (found === undefined) throw new Error('The group has not arrived.')
  return found
}

/** What was said, without the transcript. */
export const texts = (messages: readonly DecodedMessage[]) =>
  messages.filter(({ kind }) => kind === GroupMessageKind.Application).map(({ content }) => content)

export async function take<T>(stream: AsyncIterable<T>, count: number): Promise<T[]> {
  const values: T[] = []
  const iterator = stream[Symbol.asyncIterator]()
  while (values.length < count) {
    const { value, done } = await iterator.next()
    if (done === true) break
    values.push(value)
  }
  return values
}

/** Waits until something is so: what happens by itself has no promise to wait for. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 10_000
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error('It did not come to be.')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
