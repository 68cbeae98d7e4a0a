import { createServer } from 'node:http'
import type { Metrics } from '../metrics.ts'
import { listen, type ListenAddress } from './listener.ts'

/** Prometheus text on any path of a listener of its own, for a network where only the operator is. */
export async function openMetricsListener(
  address: ListenAddress,
  metrics: Metrics,
): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((request, response) => {
    request.resume()
    metrics.text().then(
      (text) => response.writeHead(200, { 'Content-Type': metricsType }).end(text),
      () => response.writeHead(500).end(),
    )
  })
  const listener = await listen(address, {
    http1: (connection) => server.emit('connection', connection),
    http2: (connection) => connection.destroy(),
  })
  return {
    url: listener.url,
    async [Symbol.asyncDispose]() {
      const stopped = listener.stop()
      listener.destroy()
      await stopped
    },
  }
}

const metricsType = 'text/plain; version=0.0.4; charset=utf-8'
