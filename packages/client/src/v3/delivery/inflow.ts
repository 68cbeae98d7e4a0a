import { bytesToHex, XmtpError } from '@xmtp-ts/protocol'
import { createBackoff } from '../../stream/backoff.ts'
import type { GroupMessage } from '../../network/mls-api.ts'
import { maxInflowMessages } from '../../limits.ts'
import type { Core } from '../core.ts'
import { receiveMessages, receiveNew } from '../group/receive.ts'

/**
 * What streams bring, on its way into the store: in order within a group, groups side by side. What comes while a group
 * is busy is taken together.
 */
export type Inflow = {
  /** Resolves when there is room for more. */
  readonly take: (message: GroupMessage) => Promise<void>
}

export function createInflow(core: Core, signal: AbortSignal): Inflow {
  const waiting = new Map<string, GroupMessage[]>()
  let count = 0
  /** Connections that are not read while too much waits. */
  const held: (() => void)[] = []

  const drain = async (id: string) => {
    for (;;) {
      const messages = waiting.get(id) ?? []
      if (messages.length === 0 || signal.aborted) break
      waiting.set(id, [])
      await takeIn(core, id, { messages, signal })
      count -= messages.length
      for (const go of held.splice(0)) go()
    }
    waiting.delete(id)
  }

  const room = async () => {
    if (count < maxInflowMessages || signal.aborted) return
    await new Promise<void>((resolve) => {
      held.push(resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  return {
    async take(message) {
      const id = bytesToHex(message.groupId)
      count += 1
      const queue = waiting.get(id)
      if (queue !== undefined) queue.push(message)
      else {
        waiting.set(id, [message])
        void drain(id)
      }
      await room()
    },
  }
}

/** Takes messages in; a group that cannot go on now is read again from the network until it can. */
async function takeIn(
  core: Core,
  id: string,
  {
    messages,
    signal,
  }: { readonly messages: readonly GroupMessage[]; readonly signal: AbortSignal },
): Promise<void> {
  const backoff = createBackoff(core.environment)
  let fromStream: readonly GroupMessage[] | undefined = messages
  while (!signal.aborted) {
    const inHand = fromStream
    fromStream = undefined
    try {
      const stoppedBy =
        inHand === undefined
          ? void (await core.groups.turn(id, () => receiveNew(core, id)))
          : (await core.groups.turn(id, () => receiveMessages(core, id, inHand))).stoppedBy
      if (stoppedBy?.retry !== true) return
    } catch (error) {
      core.report(error)
      if (error instanceof XmtpError && !error.retry) return
    }
    await core.environment.sleep(backoff.nextWaitMs(), signal)
  }
}
