import net from 'node:net'

/** A way to the node that counts what passes. */
export type Wire = AsyncDisposable & {
  readonly url: string
  /** Bytes in both directions so far, below HTTP. */
  readonly bytes: () => number
}

export async function openWire(nodeUrl: string): Promise<Wire> {
  const { hostname, port } = new URL(nodeUrl)
  let bytes = 0
  const sockets = new Set<net.Socket>()
  const server = net.createServer({ noDelay: true }, (near) => {
    const far = net.connect({ host: hostname, port: Number(port), noDelay: true })
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('data', (chunk: Buffer) => (bytes += chunk.length))
      from.on('error', () => to.destroy())
      from.on('close', () => sockets.delete(from))
      from.pipe(to)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    bytes: () => bytes,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
