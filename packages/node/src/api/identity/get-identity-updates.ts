import {
  GetIdentityUpdatesRequest,
  GetIdentityUpdatesResponse_Response,
} from '@xmtp-ts/proto/identity/api/v1/identity'
import { v3 } from '@xmtp-ts/protocol'
import { identityTopic } from '../../ingest/identity-update.ts'
import { maxIdentityRequests, maxV3PageEntries } from '../../limits.ts'
import type { V3Log } from '../../log/v3-store.ts'
import { decodeRequest } from '../decode.ts'
import { cursorOf } from '../mls/page.ts'
import type { UnaryMethod } from '../method.ts'
import { admit, checkCount, readEach, type V3Services } from '../v3-services.ts'
import { embedded, messageOf } from '../wire.ts'

/** IdentityApi.GetIdentityUpdates (node-api §7): complete logs behind the given places; clients do not page. */
export function getIdentityUpdatesMethod(services: V3Services): UnaryMethod {
  return {
    path: '/xmtp.identity.api.v1.IdentityApi/GetIdentityUpdates',
    kind: 'unary',
    handle: async (request, call) => {
      admit(services, call)
      const { requests } = decodeRequest(GetIdentityUpdatesRequest, request)
      checkCount(requests.length, { max: maxIdentityRequests, what: 'requests in single call' })
      const asked = requests.map(({ inboxId, sequenceId }) => ({
        inboxId: v3.parseInboxId(inboxId),
        cursor: cursorOf(sequenceId),
      }))
      const answers = await readEach(
        asked,
        (some) => Promise.all(some.map((each) => answer(services.store.identity.log, each))),
        ({ length }) => length,
      )
      return messageOf(answers)
    },
  }
}

async function answer(
  log: Pick<V3Log, 'page'>,
  { inboxId, cursor }: { readonly inboxId: v3.InboxId; readonly cursor: number },
): Promise<Uint8Array> {
  const updates = await readLog(log, identityTopic(inboxId), cursor)
  const header = GetIdentityUpdatesResponse_Response.encode({ inboxId, updates: [] }).finish()
  return embedded(1, messageOf([header, ...updates.map((update) => embedded(2, update))]))
}

/** Everything of an inbox behind a place. A log has at most 256 updates. */
async function readLog(
  log: Pick<V3Log, 'page'>,
  topic: string,
  after: number,
): Promise<readonly Uint8Array[]> {
  const updates: Uint8Array[] = []
  let cursor = after
  for (;;) {
    const { entries, isFull } = await log.page({
      topic,
      cursor,
      direction: 'ascending',
      limit: maxV3PageEntries,
    })
    updates.push(...entries.map(({ payload }) => payload))
    cursor = entries.at(-1)?.sequence ?? cursor
    if (!isFull) return updates
  }
}
