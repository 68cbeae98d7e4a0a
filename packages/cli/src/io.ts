/** What a command line touches besides the network and its files. Tests bring their own. */
export type Io = {
  readonly stdout: Output
  readonly stderr: Output
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborts at Ctrl-C, at SIGTERM, and when the reader of stdout has gone. */
  readonly signal: AbortSignal
}

export type Output = {
  /** @returns false when the reader should be waited for */
  write(text: string): unknown
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
