import { PublishRequest } from '@xmtp-ts/proto/message_api/v1/message_api'
import { limits, XmtpError } from '@xmtp-ts/protocol'
import { checkEnvelope } from '../ingest/check.ts'
import { decodeRequest } from './decode.ts'
import type { UnaryMethod } from './method.ts'
import type { Services } from './services.ts'

const emptyResponse = new Uint8Array()

/**
 * MessageApi.Publish (node-api §3.3): all envelopes or none (B9), answered when they are durable. The address pays
 * first, so that false tokens cost their sender; the wallet pays only when its token is true.
 */
export function publishMethod(services: Services): UnaryMethod {
  const { authorizer, limiter, ingest, metrics, nowMs } = services
  return {
    path: '/xmtp.message_api.v1.MessageApi/Publish',
    kind: 'unary',
    handle: async (request, { client, headers }) => {
      const { envelopes } = decodeRequest(PublishRequest, request)
      const cost = envelopes.length
      if (cost > limits.maxPublishEnvelopes)
        throw new XmtpError('node.publish.tooManyEnvelopes', `${cost} envelopes are too many.`, {
          details: { text: `cannot exceed ${limits.maxPublishEnvelopes} envelopes per publish` },
        })
      authorizer.checkClient(client)
      limiter.spend(client, { kind: 'write', cost })
      const wallet = authorizer.walletOf(headers.authorization)
      authorizer.checkTopics(
        wallet,
        envelopes.map(({ contentTopic }) => contentTopic),
      )
      if (wallet !== undefined) limiter.spendOfWallet(wallet, { client, kind: 'write', cost })
      const receivedMs = nowMs()
      const checked = envelopes.map((envelope) => checkEnvelope(envelope, receivedMs))
      await ingest(checked)
      metrics.published(checked, headers)
      return emptyResponse
    },
  }
}
