import { setTimeout as wait } from 'node:timers/promises'
import { closeGraceMs } from '../limits.ts'
import type { GrpcEdge } from './grpc.ts'
import type { HttpEdge } from './http.ts'
import { listen, type ListenAddress, type Listener, type Protocols } from './listener.ts'

/** All listeners of a node and what is connected to them. */
export type Connections = AsyncDisposable & {
  /** All of the addresses or none. @throws XmtpError `node.listen.busy`, `node.listen.impossible` */
  listen(addresses: readonly ListenAddress[], protocols: Protocols): Promise<readonly Listener[]>
  /** Whom to ask to end connections. */
  serve(edges: { readonly grpc: GrpcEdge; readonly http: HttpEdge }): void
  stopAccepting(): void
}

const idleCheckMs = 10

export function createConnections(): Connections {
  const listeners: Listener[] = []
  let edges: { readonly grpc: GrpcEdge; readonly http: HttpEdge } | undefined
  let stopped: Promise<unknown> | undefined
  const stopAccepting = (): Promise<unknown> => {
    stopped ??= Promise.all(listeners.map((listener) => listener.stop()))
    return stopped
  }
  return {
    listen: async (addresses, protocols) => {
      for (const address of addresses) listeners.push(await listen(address, protocols))
      return listeners
    },
    serve: (served) => {
      edges = served
    },
    stopAccepting: () => void stopAccepting(),
    async [Symbol.asyncDispose]() {
      edges?.grpc.drain(closeGraceMs)
      const allClosed = stopAccepting()
      // An answer under way is finished; then its connection is idle and can go.
      const deadlineMs = performance.now() + closeGraceMs
      while (performance.now() < deadlineMs) {
        edges?.http.closeIdle()
        const waited = await Promise.race([allClosed, wait(idleCheckMs, 'waited' as const)])
        if (waited !== 'waited') break
      }
      edges?.http.close()
      for (const listener of listeners) listener.destroy()
      await allClosed
    },
  }
}
