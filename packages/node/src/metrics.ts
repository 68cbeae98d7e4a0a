import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { topicKind, type TopicKind } from '@xmtp-ts/protocol'
import { grpcCodeName, type GrpcCode } from './api/status.ts'
import { createCallMetrics, type CallCounts, type MethodName } from './call-metrics.ts'
import type { Feed } from './follow/feed.ts'
import type { Limiter } from './limit/limiter.ts'
import { maxMetricClients, maxMetricLabelBytes } from './limits.ts'
import type { CheckedEnvelope, EnvelopeLog, LogQuery } from './log/log.ts'

type Headers = Readonly<Record<string, string>>

/** What operators of the reference watch, under the same names (node-api §11). */
export type Metrics = {
  /** Call once for each method that the node offers. */
  ofMethod(name: MethodName): MethodMetrics
  published(envelopes: readonly CheckedEnvelope[], headers: Headers): void
  queried(
    query: LogQuery,
    result: { readonly durationMs: number; readonly envelopes: number; readonly headers: Headers },
  ): void
  subscribed(topics: number, headers: Headers): void
  /** What V3 has stored, with the bytes of each. */
  sent(kind: V3Kind, sizesBytes: readonly number[], headers: Headers): void
  /** A transfer of the history service, by its HTTP status. */
  transferred(direction: 'upload' | 'download', status: number): void
  /** Counts the archives of the history service from here on. */
  watchArchives(archives: { readonly count: number; readonly bytes: number }): void
  /** Prometheus text. */
  text(): Promise<string>
}

/** What calls of one method are counted with. */
export type MethodMetrics = Omit<CallCounts, 'handled'> & {
  readonly ended: (call: {
    readonly code: GrpcCode
    readonly durationMs: number
    readonly headers: Headers
  }) => void
}

/** What V3 stores, and the names of its metrics at the reference: a count and the sizes. */
const v3Names = {
  groupMessage: ['mls_sent_group_messages', 'mls_sent_group_message_size'],
  welcomeMessage: ['mls_sent_welcome_messages', 'mls_sent_welcome_message_size'],
  identityUpdate: ['mls_sent_identity_updates', 'mls_sent_identity_update_size'],
  keyPackage: ['mls_sent_key_packages', 'mls_sent_key_package_size'],
  commitLogEntry: ['mls_commit_log_entry_count', 'mls_commit_log_entry_size'],
} as const

export type V3Kind = keyof typeof v3Names

/** The label values of the reference (node-api §3.3). */
const categoryOfKind: Readonly<Record<TopicKind, string>> = {
  contact: 'contact',
  privateStore: 'private',
  intro: 'v1-intro',
  v1Conversation: 'v1-conversation',
  v1Ephemeral: 'v1-conversation-ephemeral',
  invite: 'v2-invite',
  groupInvite: 'v2-group-invite',
  v2Conversation: 'v2-conversation',
  v2Ephemeral: 'v2-conversation-ephemeral',
  userPreferences: 'userpreferences',
  other: 'invalid',
}

const clientLabels = ['app', 'app_version', 'client', 'client_version', 'libxmtp_version'] as const
type ClientLabels = Readonly<Record<(typeof clientLabels)[number], string>>

const otherClient: ClientLabels = {
  app: 'other',
  app_version: 'other',
  client: 'other',
  client_version: 'other',
  libxmtp_version: 'other',
}

const millisecondBuckets = [1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 100_000]
const byteBuckets = [100, 1_000, 10_000, 100_000, 1_000_000]
const countBuckets = [1, 10, 100, 1_000, 10_000]

/** Metrics of one node, in a registry of its own. */
export function createMetrics(parts: {
  readonly log: EnvelopeLog
  /** Of V1 and V2, and of what V3 has. */
  readonly feeds: readonly Pick<Feed, 'topics' | 'subscriptions'>[]
  readonly limiter: Limiter
}): Metrics {
  const register = new Registry()
  const registers = [register]
  // CPU, memory, event loop and garbage collection of the process.
  collectDefaultMetrics({ register })
  const counter = (name: string, help: string, labels: readonly string[]): Counter =>
    new Counter({ name, help, labelNames: labels, registers })
  const histogram = (
    name: string,
    help: string,
    options: {
      labels: readonly string[]
      buckets: number[]
    },
  ): Histogram =>
    new Histogram({ name, help, labelNames: options.labels, buckets: options.buckets, registers })
  const gauge = (name: string, help: string, read: () => number | Promise<number>): Gauge =>
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        this.set(await read())
      },
    })

  const callLabels = ['service', 'method', 'error_code', ...clientLabels]
  const requests = counter('xmtp_api_requests', 'Calls by method, status and client', callLabels)
  const durations = histogram('xmtp_api_request_duration_ms', 'Duration of calls and streams', {
    labels: callLabels,
    buckets: millisecondBuckets,
  })
  const callsOf = createCallMetrics(registers)
  const publishedLabels = ['topic_category', ...clientLabels]
  const published = counter('xmtp_published_envelopes', 'Envelopes published', publishedLabels)
  const publishedBytes = histogram('xmtp_published_envelope', 'Payload bytes of envelopes', {
    labels: publishedLabels,
    buckets: byteBuckets,
  })
  const queryLabels = ['topic_category', ...clientLabels]
  const queryDuration = histogram('xmtp_api_query_duration', 'Milliseconds per query', {
    labels: queryLabels,
    buckets: millisecondBuckets,
  })
  const queryResult = histogram('xmtp_api_query_result', 'Envelopes per query', {
    labels: queryLabels,
    buckets: countBuckets,
  })
  const subscribeTopics = histogram('xmtp_subscribe_topics_length', 'Topics per subscription', {
    labels: clientLabels,
    buckets: countBuckets,
  })
  const ofFeeds = (count: 'topics' | 'subscriptions') => (): number =>
    parts.feeds.reduce((sum, feed) => sum + feed[count], 0)
  gauge('xmtp_subscribed_topics', 'Topics that someone follows', ofFeeds('topics'))
  gauge('xmtp_subscriptions', 'Open subscriptions', ofFeeds('subscriptions'))
  gauge('xmtp_stored_messages', 'Envelopes in the log', () => parts.log.count())
  gauge('xmtp_ratelimiter_buckets', 'Clients whose use is counted', () => parts.limiter.buckets)
  gauge('xmtp_store_healthy', '1 when the store takes envelopes', async () =>
    (await parts.log.health()).ok ? 1 : 0,
  )

  const v3Sent = v3Metrics(counter, histogram)
  const transfers = counter('xmtp_history_transfers', 'Uploads and downloads of archives', [
    'direction',
    'status',
  ])

  const known = new Map<string, ClientLabels>()
  const labelsOf = (headers: Headers): ClientLabels => knownClient(known, headers)

  return {
    ofMethod: (name) => {
      const { service, method } = name
      const { handled, ...counts } = callsOf(name)
      return {
        ...counts,
        ended: ({ code, durationMs, headers }) => {
          // Without a name for what went well, as the reference has it.
          const errorCode = code === 0 ? '' : grpcCodeName[code]
          const labels = { service, method, error_code: errorCode, ...labelsOf(headers) }
          requests.inc(labels)
          durations.observe(labels, durationMs)
          handled(code, durationMs)
        },
      }
    },
    published: (envelopes, headers) => {
      const client = labelsOf(headers)
      for (const { topic, payload } of envelopes) {
        const labels = { topic_category: categoryOf(topic), ...client }
        published.inc(labels)
        publishedBytes.observe(labels, payload.length)
      }
    },
    queried: ({ topics }, { durationMs, envelopes, headers }) => {
      const labels = { topic_category: categoryOf(topics[0] ?? ''), ...labelsOf(headers) }
      queryDuration.observe(labels, durationMs)
      queryResult.observe(labels, envelopes)
    },
    subscribed: (topics, headers) => subscribeTopics.observe(labelsOf(headers), topics),
    sent: (kind, sizesBytes, headers) => {
      const { count, size } = v3Sent[kind]
      const client = labelsOf(headers)
      count.inc(client, sizesBytes.length)
      for (const bytes of sizesBytes) size.observe(client, bytes)
    },
    transferred: (direction, status) => transfers.inc({ direction, status: String(status) }),
    watchArchives: (archives) => {
      gauge('xmtp_history_archives', 'Archives of the history service', () => archives.count)
      gauge('xmtp_history_bytes', 'Bytes of all archives together', () => archives.bytes)
    },
    text: () => registers[0]?.metrics() ?? Promise.resolve(''),
  }
}

type V3Metric = { readonly count: Counter; readonly size: Histogram }

function v3Metrics(
  counter: (name: string, help: string, labels: readonly string[]) => Counter,
  histogram: (
    name: string,
    help: string,
    options: { labels: readonly string[]; buckets: number[] },
  ) => Histogram,
): Readonly<Record<V3Kind, V3Metric>> {
  const metric = ([count, size]: readonly [string, string]): V3Metric => ({
    count: counter(count, 'Stored by V3', clientLabels),
    size: histogram(size, 'Bytes of each', { labels: clientLabels, buckets: byteBuckets }),
  })
  return {
    groupMessage: metric(v3Names.groupMessage),
    welcomeMessage: metric(v3Names.welcomeMessage),
    identityUpdate: metric(v3Names.identityUpdate),
    keyPackage: metric(v3Names.keyPackage),
    commitLogEntry: metric(v3Names.commitLogEntry),
  }
}

function categoryOf(topic: string): string {
  return topic.startsWith('test-') ? 'test' : categoryOfKind[topicKind(topic)]
}

/** Labels come from headers that anyone may invent: a bounded number of clients is told apart (B23). */
function knownClient(known: Map<string, ClientLabels>, headers: Headers): ClientLabels {
  const app = headers['x-app-version'] ?? ''
  const client = headers['x-client-version'] ?? ''
  const libxmtp = headers['x-libxmtp-version'] ?? ''
  const key = `${app}\n${client}\n${libxmtp}`
  const there = known.get(key)
  if (there !== undefined) return there
  if (known.size >= maxMetricClients || key.length > maxMetricLabelBytes * 5) return otherClient
  const [appName = '', appVersion = ''] = app.split('/')
  const [clientName = '', clientVersion = ''] = client.split('/')
  const labels = {
    app: label(appName),
    app_version: label(appVersion),
    client: label(clientName),
    client_version: label(clientVersion),
    libxmtp_version: label(libxmtp),
  }
  known.set(key, labels)
  return labels
}

function label(text: string): string {
  return text.slice(0, maxMetricLabelBytes)
}
