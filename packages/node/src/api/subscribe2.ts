import { SubscribeRequest } from '@xmtp-ts/proto/message_api/v1/message_api'
import { XmtpError } from '@xmtp-ts/protocol'
import { resumeToken } from '../follow/resume-token.ts'
import type { Subscription } from '../follow/subscription.ts'
import { decodeRequest, distinctTopics } from './decode.ts'
import type { BidiMethod, Call, OpenStream } from './method.ts'
import type { Services } from './services.ts'
import { openSubscription } from './subscribe.ts'

/**
 * MessageApi.Subscribe2 (node-api §3.6): every request replaces the set of topics in one step (B16). Resuming is
 * asked for in the first request and holds for the stream. Half-close does not end the stream.
 */
export function subscribe2Method(services: Services): BidiMethod {
  return {
    path: '/xmtp.message_api.v1.MessageApi/Subscribe2',
    kind: 'bidi',
    open: async (requests, call) => {
      services.authorizer.checkClient(call.client)
      services.limiter.spend(call.client, { kind: 'read', cost: 1 })
      const opening = await services.log.head()
      const leaving = new AbortController()
      return {
        // Clients wait for headers before they send a request, so these cannot depend on one.
        headers: {
          subscribed: 'true',
          'x-xmtp-resume-token': Buffer.from(resumeToken(services.log.id, opening)).toString(
            'base64',
          ),
        },
        batches: followRequests(requests, { services, call, opening, leaving: leaving.signal }),
        close: () => leaving.abort(),
      }
    },
  }
}

type Opening = {
  readonly services: Services
  readonly call: Call
  /** The head when the headers went out: where a stream with `resume` begins. */
  readonly opening: number
  readonly leaving: AbortSignal
}

async function* followRequests(
  requests: AsyncIterable<Uint8Array>,
  { services, call, opening, leaving }: Opening,
): OpenStream['batches'] {
  const iterator = requests[Symbol.asyncIterator]()
  const first = await iterator.next()
  if (first.done === true) return
  const request = decodeRequest(SubscribeRequest, first.value)
  const { subscription, stream } = await openSubscription(services, request, {
    ...(request.resume && { after: opening }),
  })
  leaving.addEventListener('abort', () => subscription.close())
  if (leaving.aborted) subscription.close()
  services.metrics.subscribed(request.contentTopics.length, call.headers)
  // Never rejects: what is wrong with a later request ends the stream.
  void replaceTopics(iterator, { subscription, services, call })
  yield* stream.batches
}

async function replaceTopics(
  requests: AsyncIterator<Uint8Array>,
  options: {
    readonly subscription: Subscription
    readonly services: Services
    readonly call: Call
  },
): Promise<void> {
  const { subscription, services, call } = options
  try {
    for (;;) {
      const next = await requests.next()
      if (next.done === true) return
      services.limiter.spend(call.client, { kind: 'read', cost: 1 })
      const request = decodeRequest(SubscribeRequest, next.value)
      if (request.resumeAfter.length > 0)
        throw new XmtpError('node.resume.malformed', 'Only the first request can resume.')
      subscription.replace(distinctTopics(request.contentTopics), await services.log.head())
    }
  } catch (error) {
    subscription.close(
      error instanceof XmtpError
        ? error
        : new XmtpError('node.store.unavailable', 'The stream cannot go on.', { cause: error }),
    )
  }
}
