import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { XmtpError } from '@xmtp-ts/protocol'
import { connectionPingMs, maxConnections, maxSilentConnectionMs } from '../limits.ts'

/** Where to listen. Port 0 is any free port. */
export type ListenAddress = { readonly host: string; readonly port: number }

/** One port that serves every protocol. */
export type Listener = {
  /** `http://HOST:PORT` with the real port. */
  readonly url: string
  /** Stops accepting. */
  stop(): Promise<void>
  /** Ends what is still connected. */
  destroy(): void
}

export type Protocols = {
  readonly http1: (connection: Socket) => void
  readonly http2: (connection: Socket) => void
}

/**
 * Accepts connections and hands each to its protocol by its first bytes: those of HTTP/2 are fixed (RFC 9113 §3.4).
 * @throws XmtpError `node.listen.busy`, `node.listen.impossible`
 */
export async function listen(address: ListenAddress, protocols: Protocols): Promise<Listener> {
  const connections = new Set<Socket>()
  // Probes of TCP find a peer that is gone where nothing is written: HTTP/1.1 has no pings for its quiet streams.
  const probes = { keepAlive: true, keepAliveInitialDelay: connectionPingMs }
  const server = createServer({ noDelay: true, pauseOnConnect: false, ...probes }, (connection) => {
    connections.add(connection)
    connection.on('close', () => connections.delete(connection))
    // A reset by the peer is no event for anybody, and without a listener it would end the process.
    connection.on('error', () => connection.destroy())
    sniff(connection, protocols)
  })
  server.maxConnections = maxConnections
  await bind(server, address)
  return {
    url: urlOf(address.host, server.address()),
    stop: () => new Promise((resolve) => server.close(() => resolve())),
    destroy: () => {
      for (const connection of connections) connection.destroy()
    },
  }
}

const http2Start = 'PRI'

function sniff(connection: Socket, protocols: Protocols): void {
  let seen: Buffer = Buffer.alloc(0)
  // An absolute deadline: a byte now and then must not prolong it.
  const deadline = setTimeout(() => connection.destroy(), maxSilentConnectionMs).unref()
  connection.once('close', () => clearTimeout(deadline))
  const onData = (chunk: Buffer): void => {
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk])
    const start = seen.subarray(0, http2Start.length).toString('latin1')
    if (start.length < http2Start.length && http2Start.startsWith(start)) return
    clearTimeout(deadline)
    connection.off('data', onData)
    connection.pause()
    connection.unshift(seen)
    if (start === http2Start) protocols.http2(connection)
    else protocols.http1(connection)
    // Only now: the new owner must have its listeners before the bytes come again.
    process.nextTick(() => connection.resume())
  }
  connection.on('data', onData)
}

function bind(server: Server, { host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const place = `${host}:${port}`
      reject(
        cause.code === 'EADDRINUSE'
          ? new XmtpError('node.listen.busy', `${place} is in use.`, { cause })
          : new XmtpError(
              'node.listen.impossible',
              `Listening on ${place} is not possible (${cause.code ?? 'unknown'}).`,
              { cause },
            ),
      )
    })
    server.listen({ host, port }, () => resolve())
  })
}

function urlOf(host: string, bound: AddressInfo | string | null): string {
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}
