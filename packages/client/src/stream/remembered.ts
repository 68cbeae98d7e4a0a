import { v2 } from '@xmtp-ts/protocol'
import { maxRememberedEnvelopes } from '../limits.ts'
import type { Envelope } from '../network/message-api.ts'

/** The envelopes that a stream has had: how it drops doubles. Forgets the oldest beyond the limit. */
export type Remembered = {
  /** @returns false when it was known already */
  readonly add: (envelope: Envelope) => boolean
}

export function createRemembered(limit = maxRememberedEnvelopes): Remembered {
  const known = new Set<string>()
  return {
    add({ topic, message }) {
      // Without the time: the same payload published again at another time is the same message.
      const name = `${v2.messageId(message)} ${topic}`
      if (known.has(name)) return false
      known.add(name)
      if (known.size > limit) known.delete(known.values().next().value ?? name)
      return true
    },
  }
}
