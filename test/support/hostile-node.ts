import type { MemoryEndpoint } from '@xmtp-ts/client'
import { GetIdentityUpdatesResponse } from '@xmtp-ts/proto/identity/api/v1/identity'
import {
  GroupMessage,
  QueryGroupMessagesResponse,
  QueryWelcomeMessagesResponse,
  WelcomeMessage,
  type GroupMessage_V1,
} from '@xmtp-ts/proto/mls/api/v1/mls'

/** What a node between a client and an honest one does to answers; what is left out passes. */
export type Lies = {
  /** @param ask asks the honest node */
  readonly unary?: (
    method: string,
    ask: () => Promise<Uint8Array>,
    request: Uint8Array,
  ) => Promise<Uint8Array>
  readonly stream?: (
    method: string,
    messages: AsyncIterable<Uint8Array>,
  ) => AsyncIterable<Uint8Array>
}

/** A node in front of another that lies as it is told. */
export function hostileNode(honest: MemoryEndpoint) {
  let lies: Lies = {}
  /** Streams that were opened, so that they can be broken. */
  const open = new Set<AbortController>()
  const endpoint: MemoryEndpoint = {
    unary(path, request, options) {
      const ask = () => honest.unary(path, request, options)
      return lies.unary === undefined ? ask() : lies.unary(methodOf(path), ask, request)
    },
    async serverStream(path, request, options) {
      const controller = new AbortController()
      const { signal } = controller
      const stop = () => controller.abort()
      options.signal.addEventListener('abort', stop)
      if (options.signal.aborted) stop()
      open.add(controller)
      const { headers, messages } = await honest.serverStream(path, request, { ...options, signal })
      const told = lies.stream === undefined ? messages : lies.stream(methodOf(path), messages)
      return { headers, messages: told }
    },
  }
  const cut = () => {
    for (const controller of open) controller.abort()
    open.clear()
  }
  return {
    endpoint,
    /** Ends all streams. */
    cut,
    lie(next: Lies) {
      lies = next
      cut()
    },
    beHonest() {
      lies = {}
      cut()
    },
  }
}

const methodOf = (path: string) => path.split('/').at(-1) ?? ''

type Change<T> = (all: readonly T[]) => readonly T[]

/** Lies about the messages of groups: in pages all at once, in streams one by one. */
export function aboutMessages(change: Change<GroupMessage_V1>): Lies {
  const changed = (messages: readonly GroupMessage[]) =>
    change(messages.map(({ version }) => version!.value)).map((value): GroupMessage => ({
      version: { $case: 'v1', value },
    }))
  return {
    async unary(method, ask) {
      const answer = await ask()
      if (method !== 'QueryGroupMessages') return answer
      const page = QueryGroupMessagesResponse.decode(answer)
      return QueryGroupMessagesResponse.encode({
        ...page,
        messages: [...changed(page.messages)],
      }).finish()
    },
    async *stream(method, messages) {
      for await (const bytes of messages)
        if (method !== 'SubscribeGroupMessages') yield bytes
        else
          for (const message of changed([GroupMessage.decode(bytes)]))
            yield GroupMessage.encode(message).finish()
    },
  }
}

type Welcome = NonNullable<WelcomeMessage['version']>

/** The same about welcomes. */
export function aboutWelcomes(change: Change<Welcome>): Lies {
  const changed = (messages: readonly WelcomeMessage[]) =>
    change(messages.map(({ version }) => version!)).map((version): WelcomeMessage => ({ version }))
  return {
    async unary(method, ask) {
      const answer = await ask()
      if (method !== 'QueryWelcomeMessages') return answer
      const page = QueryWelcomeMessagesResponse.decode(answer)
      return QueryWelcomeMessagesResponse.encode({
        ...page,
        messages: [...changed(page.messages)],
      }).finish()
    },
    async *stream(method, messages) {
      for await (const bytes of messages)
        if (method !== 'SubscribeWelcomeMessages') yield bytes
        else
          for (const message of changed([WelcomeMessage.decode(bytes)]))
            yield WelcomeMessage.encode(message).finish()
    },
  }
}

type LogAnswer = GetIdentityUpdatesResponse['responses'][number]

/** The same about the logs of inboxes. */
export function aboutLogs(change: Change<LogAnswer>): Lies {
  return {
    async unary(method, ask) {
      const answer = await ask()
      if (method !== 'GetIdentityUpdates') return answer
      const { responses } = GetIdentityUpdatesResponse.decode(answer)
      return GetIdentityUpdatesResponse.encode({ responses: [...change(responses)] }).finish()
    },
  }
}
