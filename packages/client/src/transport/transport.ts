export type CallOptions = {
  /** Lower-case names. */
  readonly headers?: Readonly<Record<string, string>>
  /** Ends the call; it then rejects with XmtpError `client.closed`. */
  readonly signal?: AbortSignal | undefined
}

export type UnaryOptions = CallOptions & { readonly timeoutMs?: number }

export type ServerStream = {
  /** Of the answer, lower-case names. Here before the first message. */
  readonly headers: Readonly<Record<string, string>>
  /**
   * One reader. Ends when the node ends the stream, rejects when the connection breaks or the call is aborted. What
   * the reader does not take stays with the platform: an adapter never collects without bound.
   */
  readonly messages: AsyncIterable<Uint8Array>
}

/**
 * How bytes reach a node. Paths are `/<package>.<service>/<method>`, requests and answers are encoded messages. Every
 * call ends: with an answer, or with an XmtpError `client.network.*`, `client.node.*` or `client.closed`. Nothing is
 * retried here. `test/suites/transport.ts` says the rest.
 */
export interface Transport {
  unary(path: string, request: Uint8Array, options: UnaryOptions): Promise<Uint8Array>
  /** Resolves when the headers are here. */
  serverStream(path: string, request: Uint8Array, options: CallOptions): Promise<ServerStream>
}
