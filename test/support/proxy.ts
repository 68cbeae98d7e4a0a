import { connect, createServer, type Socket } from 'node:net'

/** A TCP proxy on this machine whose connections can be cut, as a bad line cuts them. */
export async function startProxy(targetPort: number) {
  const sockets = new Set<Socket>()
  let port = targetPort
  let isOpen = true
  let cuts = 0
  const server = createServer((socket) => {
    if (!isOpen) {
      socket.destroy()
      return
    }
    const upstream = connect(port, '127.0.0.1')
    for (const one of [socket, upstream]) {
      sockets.add(one)
      one
        .on('error', () => undefined)
        .on('close', () => {
          socket.destroy()
          upstream.destroy()
          sockets.delete(one)
        })
    }
    socket.pipe(upstream).pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The proxy does not listen.')
  const cut = () => {
    cuts += 1
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: `http://127.0.0.1:${address.port}`,
    cut,
    cuts: () => cuts,
    /** Nobody gets through from now on. */
    close() {
      isOpen = false
      cut()
    },
    /** Lets everybody through, to another node if one is named. */
    open(nextPort = port) {
      port = nextPort
      isOpen = true
    },
    async [Symbol.asyncDispose]() {
      server.close()
      cut()
    },
  }
}

export const portOf = (url: string) => Number(new URL(url).port)
