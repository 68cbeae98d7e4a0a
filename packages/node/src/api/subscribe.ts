import { SubscribeRequest } from '@xmtp-ts/proto/message_api/v1/message_api'
import type { EnvelopeFeed } from '../follow/envelope-feed.ts'
import { parseResumeToken, resumeToken } from '../follow/resume-token.ts'
import type { Subscription } from '../follow/subscription.ts'
import { withResumeToken } from '../follow/delivery.ts'
import type { EnvelopeLog } from '../log/log.ts'
import { decodeRequest, distinctTopics } from './decode.ts'
import type { OpenStream, ServerStreamMethod } from './method.ts'
import type { Services } from './services.ts'

/** MessageApi.Subscribe (node-api §3.6), with the resume extension of docs/node.md. */
export function subscribeMethod(services: Services): ServerStreamMethod {
  const { log, feed, authorizer, limiter, metrics } = services
  return {
    path: '/xmtp.message_api.v1.MessageApi/Subscribe',
    kind: 'serverStream',
    open: async (bytes, { client, headers }) => {
      authorizer.checkClient(client)
      limiter.spend(client, { kind: 'read', cost: 1 })
      const request = decodeRequest(SubscribeRequest, bytes)
      const opened = await openSubscription({ log, feed }, request)
      metrics.subscribed(request.contentTopics.length, headers)
      return opened.stream
    },
  }
}

/**
 * A stream of a request's topics: from its resume token on, or from `after`, or from now.
 * @throws XmtpError `node.topics.tooMany`, `node.streams.tooMany`, `node.resume.malformed`, `node.resume.foreign`
 */
export async function openSubscription(
  { log, feed }: { readonly log: EnvelopeLog; readonly feed: EnvelopeFeed },
  request: SubscribeRequest,
  options: { readonly after?: number } = {},
): Promise<{ readonly subscription: Subscription; readonly stream: OpenStream }> {
  const topics = distinctTopics(request.contentTopics)
  const head = await log.head()
  const after =
    request.resumeAfter.length === 0
      ? (options.after ?? head)
      : parseResumeToken(request.resumeAfter, { id: log.id, head })
  const subscription = feed.subscribe({ topics, after })
  const headers: Record<string, string> = { subscribed: 'true' }
  if (request.resume) {
    const token = resumeToken(log.id, after)
    headers['x-xmtp-resume-token'] = Buffer.from(token).toString('base64')
  }
  const batches = request.resume
    ? resumableBatches(subscription, log.id)
    : plainBatches(subscription)
  return { subscription, stream: { headers, batches, close: () => subscription.close() } }
}

async function* plainBatches(subscription: Subscription): OpenStream['batches'] {
  for await (const batch of subscription.batches())
    yield batch.map(({ delivery }) => delivery.bytes)
}

async function* resumableBatches(
  subscription: Subscription,
  logId: Uint8Array,
): OpenStream['batches'] {
  for await (const batch of subscription.batches())
    yield batch.map(({ delivery, position }) =>
      withResumeToken(delivery.bytes, resumeToken(logId, position)),
    )
}
