/** What a command line touches besides the network and its files. Tests bring their own. */
export type Io = {
  readonly stdout: Output
  readonly stderr: Output
  /** What is piped in; read by verbs that were asked to. */
  readonly stdin: () => AsyncIterable<Uint8Array>
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborts at Ctrl-C and at SIGTERM; when the reader of stdout has gone, with the reason `readerGone`. */
  readonly signal: AbortSignal
}

export type Output = {
  /** Of the terminal; undefined when it is none. */
  readonly columns?: number | undefined
  /** Resolves when the text is written; rejects when nobody reads any more. */
  write(text: string): Promise<void> | void
}

/** Why a command line ended early without anybody asking: `xmtp-ts stream | head`. */
export const readerGone = Symbol('The reader of the output has gone.')

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
