import { PublishIdentityUpdateRequest } from '@xmtp-ts/proto/identity/api/v1/identity'
import { v3 } from '@xmtp-ts/protocol'
import { publishIdentityUpdate } from '../../ingest/identity-update.ts'
import { decodeRequest } from '../decode.ts'
import type { UnaryMethod } from '../method.ts'
import { admit, refusal, type V3Services } from '../v3-services.ts'

const emptyResponse = new Uint8Array()

/** IdentityApi.PublishIdentityUpdate (node-api §7): durable, and found by look-ups, when answered. */
export function publishIdentityUpdateMethod(services: V3Services): UnaryMethod {
  return {
    path: '/xmtp.identity.api.v1.IdentityApi/PublishIdentityUpdate',
    kind: 'unary',
    handle: async (request, call) => {
      admit(services, call, { kind: 'write', cost: 1 })
      const { identityUpdate } = decodeRequest(PublishIdentityUpdateRequest, request)
      if (identityUpdate === undefined)
        throw refusal('node.v3.identity.missing', 'IdentityUpdate is required')
      await publishIdentityUpdate(v3.readIdentityUpdate(identityUpdate), services)
      services.metrics.sent('identityUpdate', [request.length], call.headers)
      return emptyResponse
    },
  }
}
