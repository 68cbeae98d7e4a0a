import {
  createNode,
  openMemoryLog,
  openMemoryV3Store,
  openSqliteStore,
  type Node,
  type NodeParts,
} from '@xmtp-ts/node'

export type LocalNode = AsyncDisposable & {
  readonly url: string
  /** Of the history service. */
  readonly historyUrl: string
  /** Closes the node and opens another on its store and port. */
  restart(): Promise<void>
}

const free = { host: '127.0.0.1', port: 0 }

/** A node of ours on a free port; its store in memory unless a file is named. */
export async function startNode(
  path?: string,
  parts: Pick<NodeParts, 'contracts' | 'streamKeepaliveMs'> = {},
): Promise<LocalNode> {
  const open = async (port: number): Promise<Node> => {
    const stores =
      path === undefined
        ? { log: openMemoryLog(), v3: openMemoryV3Store() }
        : await openSqliteStore(path)
    return createNode({
      ...stores,
      ...parts,
      listen: [{ host: '127.0.0.1', port }],
      history: { listen: free },
    })
  }
  let node = await open(0)
  const url = node.listen[0]!
  return {
    url,
    get historyUrl() {
      return node.history!
    },
    async restart() {
      await node[Symbol.asyncDispose]()
      node = await open(Number(new URL(url).port))
    },
    [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
  }
}
