import { createNode, openMemoryLog, type NodeParts } from '@xmtp-ts/node'

export type TestNode = {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  close(): Promise<void>
}

/** A real node on a free port of this machine, its log in memory unless `parts` says otherwise. */
export async function startTestNode(parts: Partial<NodeParts> = {}): Promise<TestNode> {
  const node = await createNode({
    log: openMemoryLog(),
    listen: [{ host: '127.0.0.1', port: 0 }],
    ...parts,
  })
  const [url] = node.listen
  if (url === undefined) throw new Error('The node does not listen.')
  return { url, close: async () => node[Symbol.asyncDispose]() }
}
