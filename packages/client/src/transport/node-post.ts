import * as http from 'node:http'
import * as https from 'node:https'
import { leftBodyMs } from '../limits.ts'
import { onAbort } from '../on-abort.ts'
import { broken, type HttpAnswer, type HttpPost, type HttpRequest } from './http-post.ts'

const schemes = {
  'http:': { request: http.request, agent: new http.Agent({ keepAlive: true }) },
  'https:': { request: https.request, agent: new https.Agent({ keepAlive: true }) },
} as const

/** Over Node's own HTTP, in half the time of its fetch; a body may be silent for as long as it likes. */
export const nodePost: HttpPost = async (url, request) => {
  for (;;) {
    try {
      return await exchange(new URL(url), request)
    } catch (error) {
      // The node has closed a connection that was kept, as the call came or before: each call may be made again.
      if (!(error instanceof StaleConnection)) throw error
    }
  }
}

class StaleConnection extends Error {}

function exchange(url: URL, { headers, body, signal }: HttpRequest): Promise<HttpAnswer> {
  const { request, agent } = url.protocol === 'https:' ? schemes['https:'] : schemes['http:']
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method: 'POST',
      agent,
      headers: { ...headers, 'content-length': body.length },
    })
    const forget = onAbort(signal, () => sent.destroy())
    sent.on('close', forget)
    if (signal?.aborted === true) sent.destroy()
    sent.on('error', (error: NodeJS.ErrnoException) => {
      const isClosed = error.code === 'ECONNRESET' || error.code === 'EPIPE'
      const isStale = sent.reusedSocket && isClosed && signal?.aborted !== true
      reject(isStale ? new StaleConnection() : error)
    })
    sent.on('response', (response) => {
      // Who reads hears of it; an answer that nobody reads may break.
      response.on('error', () => undefined)
      resolve({
        status: response.statusCode ?? 0,
        headers: headersOf(response),
        body: chunksOf(response),
        leave: () => leave(response),
      })
    })
    sent.end(body)
  })
}

function headersOf({ headers }: http.IncomingMessage): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, [value].flat().join(', ')]),
  )
}

async function* chunksOf(response: http.IncomingMessage): AsyncGenerator<Uint8Array, void> {
  try {
    const chunks: AsyncIterable<Buffer> = response.iterator({ destroyOnReturn: false })
    for await (const { buffer, byteOffset, length } of chunks)
      yield new Uint8Array(buffer, byteOffset, length)
  } catch (cause) {
    throw broken(cause)
  } finally {
    leave(response)
  }
}

/** The connection of an answer that ends serves the next call; who leaves long before the end closes it. */
function leave(response: http.IncomingMessage): void {
  response.resume()
  if (response.complete || response.destroyed) return
  const timer = setTimeout(() => response.destroy(), leftBodyMs)
  timer.unref()
  response.on('close', () => clearTimeout(timer))
}
