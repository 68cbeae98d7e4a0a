import { inviteTopic, XmtpError } from '@xmtp-ts/protocol'
import type { Envelope } from '../network/message-api.ts'
import { createBackoff } from '../stream/backoff.ts'
import { rememberMessages, type Remembered } from '../stream/remembered.ts'
import { openWideSubscription, type WideSubscription } from '../stream/wide-subscription.ts'
import type { ConversationBook, ConversationRecord } from './conversation-book.ts'
import type { OnConnectionLostCallback } from './options.ts'
import type { Session } from './session.ts'

export type ConversationEnvelope = {
  readonly record: ConversationRecord
  readonly envelope: Envelope
}

/**
 * Every new envelope of every conversation, those that begin later included (v1-v2 §13.6). No gap: the list is read
 * again once the invite topic is followed, and each conversation that is new since then is both followed from its
 * invitation on and read from its beginning, since its first messages may have come before the invitation was seen.
 * No double: an envelope that comes both ways is dropped the second time.
 */
export async function streamAll(
  session: Session,
  book: ConversationBook,
  options: {
    readonly signal: AbortSignal
    readonly onConnectionLost: OnConnectionLostCallback | undefined
  },
): Promise<AsyncGenerator<ConversationEnvelope, void>> {
  const { api, environment, account } = session
  await book.refresh()
  const followed = new Set(book.all())
  const topics = [inviteTopic(account), ...[...followed].map(({ topic }) => topic)]
  const subscription = await openWideSubscription({ api, environment, topics, ...options })
  await book.refresh()
  return run({ session, book, subscription, followed, signal: options.signal })
}

type Running = {
  readonly session: Session
  readonly book: ConversationBook
  readonly subscription: WideSubscription
  readonly followed: Set<ConversationRecord>
  readonly signal: AbortSignal
}

async function* run(running: Running): AsyncGenerator<ConversationEnvelope, void> {
  const { book, subscription, followed, session } = running
  const had = rememberMessages()
  const invites = inviteTopic(session.account)
  const begun = book.all().filter((record) => !followed.has(record))
  for (const record of begun) yield* followNew(running, record, had)
  for await (const envelope of subscription.envelopes) {
    if (envelope.topic !== invites) {
      const records = had.add(envelope) ? book.ofTopic(envelope.topic) : []
      for (const record of records) if (followed.has(record)) yield { record, envelope }
      continue
    }
    const record = book.receive(envelope)
    if (record !== undefined && !followed.has(record)) yield* followNew(running, record, had)
  }
}

async function* followNew(
  running: Running,
  record: ConversationRecord,
  had: Remembered,
): AsyncGenerator<ConversationEnvelope, void> {
  running.followed.add(record)
  await running.subscription.addTopics([record.topic])
  // Of its own: another conversation may have had the topic's envelopes, under a key that does not open them.
  const hadHere = rememberMessages()
  for await (const envelope of wholeTopic(running, record.topic)) {
    had.add(envelope)
    if (hadHere.add(envelope)) yield { record, envelope }
  }
}

/** A topic from its beginning, however long the node takes to come back. What was read before a failure comes again. */
async function* wholeTopic(
  { session, signal }: Running,
  topic: string,
): AsyncGenerator<Envelope, void> {
  const backoff = createBackoff(session.environment)
  while (!signal.aborted) {
    try {
      const pages = session.api.query({ topics: [topic], direction: 'ascending' })
      for await (const page of pages) yield* page
      return
    } catch (error) {
      if (!(error instanceof XmtpError && error.retry)) throw error
      await session.environment.sleep(backoff.nextWaitMs(), signal)
    }
  }
}
