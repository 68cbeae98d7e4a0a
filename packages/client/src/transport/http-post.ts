import { XmtpError } from '@xmtp-ts/protocol'

export type HeaderMap = Readonly<Record<string, string>>

export type HttpRequest = {
  readonly headers: HeaderMap
  readonly body: Uint8Array<ArrayBuffer>
  readonly signal?: AbortSignal | undefined
}

export type HttpAnswer = {
  readonly status: number
  /** Lower-case names. */
  readonly headers: HeaderMap
  /** One reader; who leaves it before its end ends the exchange. Rejects when the connection breaks. */
  readonly body: AsyncIterable<Uint8Array>
  /** For who does not read the body. */
  readonly leave: () => void
}

/** An HTTP POST. Resolves when the headers of the answer are here, rejects when nobody answers or `signal` aborts. */
export type HttpPost = (url: string, request: HttpRequest) => Promise<HttpAnswer>

/** Over `fetch`, in browsers, Deno, Bun, workers and Node. */
export function fetchPost(
  fetch: typeof globalThis.fetch = (...call) => globalThis.fetch(...call),
): HttpPost {
  return async (url, { headers, body, signal }) => {
    const response = await fetch(url, {
      method: 'POST',
      body,
      headers,
      ...(signal === undefined ? {} : { signal }),
    })
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: chunksOf(response),
      // A connection that cannot be ended is at its end.
      leave: () => void response.body?.cancel().catch(() => undefined),
    }
  }
}

async function* chunksOf(response: Response): AsyncGenerator<Uint8Array, void> {
  if (response.body === null) return
  // Not every browser can iterate a stream; a reader works everywhere.
  const reader = response.body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } catch (cause) {
    throw broken(cause)
  } finally {
    // Ends the connection for a reader who leaves; after an end or a break there is nothing more to say.
    reader.cancel().catch(() => undefined)
  }
}

export function broken(cause: unknown): XmtpError {
  return new XmtpError('client.network.unreachable', 'The connection broke.', { cause })
}
