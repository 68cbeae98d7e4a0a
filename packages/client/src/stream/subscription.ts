import { XmtpError, type ErrorCode } from '@xmtp-ts/protocol'
import { msToNs, type Environment } from '../environment.ts'
import { clockSkewNs, maxHistoryTopics, overlapNs } from '../limits.ts'
import {
  isCode,
  type Envelope,
  type EnvelopeStream,
  type MessageApi,
} from '../network/message-api.ts'
import { createBackoff, type Backoff } from './backoff.ts'
import { untilQuiet } from './quiet.ts'
import { rememberEnvelopes, type Remembered } from './remembered.ts'

/**
 * Every envelope of some topics from one moment on, once each, whatever becomes of connections and nodes.
 *
 *   connect ── token? ──► live ──► lost ──► connect behind the last token ──► live …
 *      │  no                                   │ the node has another log, or knows no tokens
 *      └─► note what is there ─► connect ─► read history since then, less a day ─► live …
 *
 * The reader pulls: what it does not take stays with the platform and the node.
 */
export type Subscription = {
  /** One reader. Ends when `signal` aborts; rejects only with what the node refuses for good. */
  readonly envelopes: AsyncGenerator<Envelope, void>
  /** Follows more topics, from the place in the stream that the reader has come to. For the reader to call. */
  readonly addTopics: (topics: Iterable<string>) => void
}

export type SubscriptionOptions = {
  readonly api: MessageApi
  readonly environment: Environment
  readonly topics: Iterable<string>
  readonly signal: AbortSignal
  /** Called once for each connection that was lost, before another is opened. */
  readonly onConnectionLost?: ((error: XmtpError) => void) | undefined
}

/** Answers about the request itself: asking again would change nothing. */
const final: ReadonlySet<ErrorCode> = new Set([
  'client.node.refused',
  'client.node.denied',
  'client.node.unauthenticated',
])

type State = SubscriptionOptions & {
  readonly topics: Set<string>
  readonly openedNs: bigint
  readonly remembered: Remembered
  readonly backoff: Backoff
  /** Where to go on; undefined with a node that cannot resume. */
  token: Uint8Array | undefined
  /** History must be read before what is live: no token covers what came between two connections. */
  owesHistory: boolean
  /** The latest time in an envelope that came. */
  latestNs: bigint
  /** Topics were added that the connection does not carry. */
  isStale: boolean
  connection: Connection | undefined
}

type Connection = {
  readonly envelopes: EnvelopeStream['envelopes']
  readonly end: () => void
}

/**
 * Resolves when the first connection stands: from then on nothing is missed.
 * @throws XmtpError when the first connection cannot be made; later ones are tried for ever
 */
export async function openSubscription(options: SubscriptionOptions): Promise<Subscription> {
  const { environment } = options
  const openedNs = msToNs(environment.nowMs())
  const state: State = {
    ...options,
    topics: new Set(options.topics),
    openedNs,
    remembered: rememberEnvelopes(),
    backoff: createBackoff(environment),
    token: undefined,
    owesHistory: false,
    latestNs: 0n,
    isStale: false,
    connection: undefined,
  }
  await connectFirst(state)
  return {
    envelopes: run(state),
    addTopics(topics) {
      const before = state.topics.size
      for (const topic of topics) state.topics.add(topic)
      if (state.topics.size === before) return
      state.isStale = true
      state.connection?.end()
    },
  }
}

async function connectFirst(state: State): Promise<void> {
  state.connection = await connect(state)
  if (state.token !== undefined) {
    state.owesHistory = false
    return
  }
  // This node cannot resume. Note what is there, so that history read later tells new from old; then connect again,
  // since what the first connection carried meanwhile has been noted too.
  state.connection.end()
  for await (const envelope of history(state, state.openedNs - overlapNs))
    state.remembered.add(envelope)
  state.connection = await connect(state)
}

async function* run(state: State): AsyncGenerator<Envelope, void> {
  try {
    while (!state.signal.aborted) {
      const lost = yield* untilLost(state)
      if (state.signal.aborted) return
      if (state.isStale) state.isStale = false
      else {
        if (state.connection !== undefined) state.onConnectionLost?.(lost)
        await state.environment.sleep(state.backoff.nextWaitMs(), state.signal)
      }
      state.connection = undefined
    }
  } finally {
    state.connection?.end()
  }
}

/** One connection's envelopes. @returns why it is at its end, unless that is for good */
async function* untilLost(state: State): AsyncGenerator<Envelope, XmtpError> {
  try {
    yield* envelopesOf(state, (state.connection ??= await connect(state)))
    return new XmtpError('client.node.unavailable', 'The node ended the stream.')
  } catch (error) {
    if (!(error instanceof XmtpError) || final.has(error.code)) throw error
    return error
  } finally {
    state.connection?.end()
  }
}

async function* envelopesOf(state: State, connection: Connection): AsyncGenerator<Envelope, void> {
  if (state.owesHistory) {
    for await (const envelope of history(state, backfillStart(state)))
      if (state.remembered.add(envelope)) yield envelope
    state.owesHistory = false
    if (state.isStale) return
  }
  for await (const { resumeToken, ...envelope } of connection.envelopes) {
    state.backoff.delivered()
    if (resumeToken !== undefined) state.token = resumeToken
    if (envelope.timestampNs > state.latestNs) state.latestNs = envelope.timestampNs
    if (state.remembered.add(envelope)) yield envelope
    if (state.isStale) return
  }
}

/** Where history can hold something that the reader has not had. */
function backfillStart({ latestNs, openedNs }: State): bigint {
  const overlapped = latestNs - overlapNs
  const opened = openedNs - clockSkewNs
  return overlapped > opened ? overlapped : opened
}

async function* history({ api, topics }: State, startNs: bigint): AsyncGenerator<Envelope, void> {
  for (const some of inChunks([...topics], maxHistoryTopics))
    for await (const page of api.query({ topics: some, startNs, direction: 'ascending' }))
      yield* page
}

function* inChunks<T>(all: readonly T[], size: number): Generator<readonly T[], void> {
  for (let at = 0; at < all.length; at += size) yield all.slice(at, at + size)
}

/** Opens one connection, behind the last token if there is one that the node takes. */
async function connect(state: State): Promise<Connection> {
  try {
    return await open(state)
  } catch (error) {
    const isRefused = isCode(error, 'client.node.otherLog') || isCode(error, 'client.node.refused')
    if (!isRefused || state.token === undefined) throw error
    // Another log than the one that gave the token: begin at its present, and look into its past.
    state.token = undefined
    return open(state)
  }
}

async function open(state: State): Promise<Connection> {
  const controller = new AbortController()
  const end = () => {
    state.signal.removeEventListener('abort', end)
    controller.abort()
  }
  state.signal.addEventListener('abort', end)
  if (state.signal.aborted) end()
  try {
    const stream = await state.api.subscribe({
      topics: [...state.topics],
      resumeAfter: state.token,
      signal: controller.signal,
    })
    state.backoff.connected()
    // A node that cannot resume answers without a token, and so does gRPC-Web before it refuses.
    if (state.token === undefined || stream.resumeToken === undefined) state.owesHistory = true
    state.token = stream.resumeToken
    return { envelopes: untilQuiet(stream.envelopes, end), end }
  } catch (error) {
    end()
    throw error
  }
}
