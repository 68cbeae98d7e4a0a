import { v2 } from '@xmtp-ts/protocol'
import { maxRememberedEnvelopes } from '../limits.ts'
import type { Envelope } from '../network/message-api.ts'

/** What a reader has had: how it drops doubles. Forgets the oldest beyond the limit. */
export type Remembered = {
  /** @returns false when it was known already */
  readonly add: (envelope: Envelope) => boolean
}

/** Tells envelopes apart. One of the same bytes at another time is another: of two such invitations one is forged. */
export function rememberEnvelopes(): Remembered {
  return remember(({ topic, timestampNs, message }) => {
    return `${v2.messageId(message)} ${timestampNs} ${topic}`
  })
}

/** Tells messages apart, by their bytes: one that is published again at another time is the same. */
export function rememberMessages(): Remembered {
  return remember(({ message }) => v2.messageId(message))
}

function remember(nameOf: (envelope: Envelope) => string): Remembered {
  const known = new Set<string>()
  return {
    add(envelope) {
      const name = nameOf(envelope)
      if (known.has(name)) return false
      known.add(name)
      if (known.size > maxRememberedEnvelopes) known.delete(known.values().next().value ?? name)
      return true
    },
  }
}
