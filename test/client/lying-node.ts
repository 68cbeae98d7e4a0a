import { QueryGroupMessagesResponse } from '@xmtp-ts/proto/mls/api/v1/mls'
import type { Transport } from '@xmtp-ts/client'

const queryGroupMessages = '/xmtp.mls.api.v1.MlsApi/QueryGroupMessages'

/** A node that keeps some messages of groups, by their ids, to itself. */
export function hiding(inner: Transport, hidden: ReadonlySet<bigint>): Transport {
  return {
    async unary(path, request, options) {
      const answer = await inner.unary(path, request, options)
      if (path !== queryGroupMessages) return answer
      const { messages, pagingInfo } = QueryGroupMessagesResponse.decode(answer)
      const shown = messages.filter(({ version }) => !hidden.has(version?.value.id ?? 0n))
      return QueryGroupMessagesResponse.encode({ messages: shown, pagingInfo }).finish()
    },
    serverStream: (path, request, options) => inner.serverStream(path, request, options),
  }
}
