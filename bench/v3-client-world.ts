import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, type Group } from '@xmtp-ts/client'
import { generatePrivateKey } from 'viem/accounts'
import type { Hex } from 'viem'
import { startHost, type Host, type Kind } from './v3-client-process.ts'
import { inParallel } from './support.ts'

/** Inboxes of ours, in memory: those whom both sides add to groups and hear from. */
export type Crowd = AsyncDisposable & { readonly clients: readonly Client[] }

export async function createCrowd(url: string, size: number): Promise<Crowd> {
  const clients = await inParallel(Array.from({ length: size }), 8, () =>
    Client.create(generatePrivateKey(), { apiUrl: url, dbPath: null }),
  )
  return {
    clients,
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client.close()
    },
  }
}

/** An installation and its store on disk, which copies start from. */
export type Account = {
  readonly kind: Kind
  readonly key: Hex
  readonly inboxId: string
  readonly folder: string
}

/** Where stores are kept; it goes at the end. */
export type Stores = Disposable & {
  readonly create: (kind: Kind, url: string) => Promise<Account>
  /** Opens a copy of an account's store in a new process, as client `it`. */
  readonly open: (
    account: Account,
    url: string,
  ) => Promise<{ host: Host; openMs: number; account: Account }>
  /** A path for a new store. */
  readonly path: () => string
}

export function openStores(): Stores {
  const root = mkdtempSync(join(tmpdir(), 'xmtp-ts-bench-'))
  let last = 0
  const folderOf = () => {
    last += 1
    const folder = join(root, String(last))
    mkdirSync(folder)
    return folder
  }
  const storeIn = (folder: string) => join(folder, 'store.db3')
  return {
    path: () => storeIn(folderOf()),
    async create(kind, url) {
      const key = generatePrivateKey()
      const folder = folderOf()
      const host = startHost(kind)
      const path = storeIn(folder)
      const { value: inboxId } = await host.do('open', { client: 'it', url, key, path })
      await host.end()
      return { kind, key, inboxId, folder }
    },
    async open(account, url) {
      const folder = folderOf()
      cpSync(account.folder, folder, { recursive: true })
      const host = startHost(account.kind)
      const path = storeIn(folder)
      const { ms } = await host.do('open', { client: 'it', url, key: account.key, path })
      return { host, openMs: ms, account: { ...account, folder } }
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  }
}

/** Groups of three or more, each made by one of the crowd, with one message: what waits for who comes later. */
export async function fillWithGroups(
  { clients }: Crowd,
  memberships: readonly (readonly string[])[],
): Promise<readonly Group[]> {
  return inParallel(memberships, 8, async (inboxIds, index) => {
    const client = clients[index % clients.length]
    if (client === undefined) throw new Error('The crowd is empty.')
    const group = await client.conversations.createGroup(inboxIds)
    await group.sendText(`Message 1 in conversation ${index}, as long as people write them.`)
    return group
  })
}
