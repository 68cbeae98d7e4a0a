import { XmtpError } from '@xmtp-ts/protocol'
import { historyTimeoutMs, maxHistoryAnswerBytes, maxHistoryBytes } from '../../limits.ts'
import { withDeadline } from '../../transport/deadline.ts'
import type { Core } from '../core.ts'
import { checkHistoryUrl } from './history-url.ts'

/** A history service, which keeps archives for the user's other installations (v3-mls §6.6). */
export type HistoryPlace = {
  readonly url: string
  /** The one that the app named: plain http is allowed there. */
  readonly trusted: string | undefined
}

/**
 * Gives an archive to a history service. It is held whole, since browsers cannot send what they have not; services take
 * 100 MiB.
 * @returns the URL under which others find it
 * @throws XmtpError `client.history.*`, `client.archive.tooLarge`, `client.network.*`
 */
export async function uploadArchive(
  { signal }: Pick<Core, 'signal'>,
  { url, trusted }: HistoryPlace,
  pieces: AsyncIterable<Uint8Array>,
): Promise<string> {
  const server = checkHistoryUrl(url, trusted).replace(/\/+$/, '')
  const body = await blobOf(upTo(maxHistoryBytes, pieces))
  const answer = await withDeadline({ signal, timeoutMs: historyTimeoutMs }, async (ended) => {
    const response = await call(`${server}/upload`, { method: 'POST', body, signal: ended })
    return (await blobOf(upTo(maxHistoryAnswerBytes, bytesOf(response)))).text()
  })
  const name = answer.trim()
  if (!/^[\w.-]{1,200}$/.test(name))
    throw new XmtpError('client.history.refused', 'The service gave no name for the archive.')
  return `${server}/files/${name}`
}

/**
 * Reads an archive from wherever another installation of ours has left it, as libxmtp does.
 * @param take reads the bytes while they come
 * @throws XmtpError `client.history.*`, `client.archive.tooLarge`, `client.network.*`, what `take` throws
 */
export async function downloadArchive(
  { signal }: Pick<Core, 'signal'>,
  { url, trusted }: HistoryPlace,
  take: (pieces: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<void> {
  const place = checkHistoryUrl(url, trusted)
  await withDeadline({ signal, timeoutMs: historyTimeoutMs }, async (ended) => {
    const response = await call(place, { signal: ended })
    await take(upTo(maxHistoryBytes, bytesOf(response)))
  })
}

/** Redirects are not followed: one could lead to where only this machine gets. */
async function call(url: string, request: RequestInit): Promise<Response> {
  const response = await fetch(url, { ...request, redirect: 'error', credentials: 'omit' }).catch(
    (cause: unknown) => {
      throw new XmtpError('client.network.unreachable', 'No history service answers.', { cause })
    },
  )
  const { ok, status } = response
  if (ok) return response
  await response.body?.cancel()
  const isForNow = status >= 500 || status === 408 || status === 429
  throw new XmtpError(
    isForNow ? 'client.history.unavailable' : 'client.history.refused',
    `The history service answered with ${status}.`,
    { details: { status } },
  )
}

async function* bytesOf({ body }: Response): AsyncGenerator<Uint8Array> {
  const reader = body?.getReader()
  if (reader === undefined) return
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw new XmtpError('client.network.unreachable', 'The history service broke off.', {
          cause,
        })
      })
      if (done) return
      yield value
    }
  } finally {
    // Whoever stops reading, or trips over what came, wants no more of it.
    await reader.cancel().catch(() => undefined)
  }
}

async function* upTo(
  maxBytes: number,
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let sizeBytes = 0
  for await (const piece of pieces) {
    sizeBytes += piece.length
    if (sizeBytes > maxBytes)
      throw new XmtpError('client.archive.tooLarge', `It has more than ${maxBytes} bytes.`)
    yield piece
  }
}

async function blobOf(pieces: AsyncIterable<Uint8Array>): Promise<Blob> {
  const parts: Uint8Array<ArrayBuffer>[] = []
  for await (const piece of pieces) parts.push(Uint8Array.from(piece))
  return new Blob(parts, { type: 'application/octet-stream' })
}
