import { GetInboxIdsRequest, GetInboxIdsResponse } from '@xmtp-ts/proto/identity/api/v1/identity'
import { IdentifierKind } from '@xmtp-ts/proto/identity/associations/association'
import { attempt, v3 } from '@xmtp-ts/protocol'
import { maxV3Keys } from '../../limits.ts'
import { decodeRequest } from '../decode.ts'
import type { UnaryMethod } from '../method.ts'
import { admit, checkCount, type V3Services } from '../v3-services.ts'

/**
 * IdentityApi.GetInboxIds (node-api §7): addresses in any case, passkeys too, the kind echoed, and what was published
 * is found at once (B14). What is no identifier belongs to no inbox.
 */
export function getInboxIdsMethod(services: V3Services): UnaryMethod {
  return {
    path: '/xmtp.identity.api.v1.IdentityApi/GetInboxIds',
    kind: 'unary',
    handle: async (request, call) => {
      admit(services, call)
      const { requests } = decodeRequest(GetInboxIdsRequest, request)
      checkCount(requests.length, { max: maxV3Keys, what: 'requests in single call' })
      const names = requests.map(({ identifier, identifierKind }) => {
        const kind =
          identifierKind === IdentifierKind.IDENTIFIER_KIND_PASSKEY ? 'passkey' : 'ethereum'
        const parsed = attempt(() => v3.parseIdentifier(identifier, kind))
        // No identifier has an empty name.
        return parsed.ok ? v3.memberKey(parsed.value) : ''
      })
      const inboxIds = await services.store.identity.inboxesOf(names)
      return GetInboxIdsResponse.encode({
        responses: requests.map(({ identifier, identifierKind }, index) => ({
          identifier,
          identifierKind,
          inboxId: inboxIds[index],
        })),
      }).finish()
    },
  }
}
