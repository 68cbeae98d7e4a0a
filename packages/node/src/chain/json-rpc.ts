import { XmtpError } from '@xmtp-ts/protocol'
import { chainCallMs, maxChainAnswerBytes } from '../limits.ts'

/** The answer of a chain's server: a result, or the reason why it has none. */
export type RpcAnswer =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly code: number; readonly message: string }

/** One call of JSON-RPC 2.0 over HTTP. @throws XmtpError `node.chain.unavailable` */
export type RpcCall = (method: string, params: readonly unknown[]) => Promise<RpcAnswer>

/** Calls to one server, which is not trusted with our time or memory. */
export function createRpc(
  url: string,
  options: {
    /** How errors call it. */
    readonly chain: string
    readonly timeoutMs?: number | undefined
  },
): RpcCall {
  const { chain, timeoutMs = chainCallMs } = options
  return async (method, params) => {
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      })
      // An error may come with any status; what is no JSON-RPC at all is told by its body.
      return parseAnswer(await readBounded(response))
    } catch (cause) {
      // Without the URL: it may hold a key.
      throw new XmtpError('node.chain.unavailable', `${chain} did not answer.`, { cause })
    }
  }
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  // Leaving the loop closes the connection.
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > maxChainAnswerBytes) throw new Error(`over ${maxChainAnswerBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function parseAnswer(text: string): RpcAnswer {
  const answer: unknown = JSON.parse(text)
  if (typeof answer !== 'object' || answer === null) throw new Error('no JSON-RPC answer')
  if ('error' in answer && answer.error !== null && typeof answer.error === 'object') {
    const { error } = answer
    const code = 'code' in error && typeof error.code === 'number' ? error.code : 0
    const message = 'message' in error && typeof error.message === 'string' ? error.message : ''
    return { ok: false, code, message: message.slice(0, maxMessageLength) }
  }
  if (!('result' in answer)) throw new Error('no JSON-RPC answer')
  return { ok: true, result: answer.result }
}

/** Characters of a server's message that are passed on. */
const maxMessageLength = 200
