import { PendingMessage } from '@xmtp-ts/proto/store/v1/store'
import { XmtpError } from '@xmtp-ts/protocol'
import { lateRetryMs } from '../../limits.ts'
import { jittered } from '../../network/retry.ts'
import type { Core } from '../core.ts'
import { keys } from '../records/keys.ts'
import { decodeRow, scanAll } from '../records/rows.ts'
import { publishMessages } from './send.ts'

/**
 * Sends again what came too late for others to read, until the client is closed: its sender was told that it is sent. It keeps
 * its id, so those who have read it take it once.
 */
export async function sendLate(core: Core): Promise<void> {
  const { signals, signal, environment } = core
  while (!signal.aborted) {
    const seen = signals.count('late')
    const isDone = await sendAllLate(core)
    if (isDone) await signals.wait('late', seen, signal)
    else await environment.sleep(jittered(lateRetryMs, environment), signal)
  }
}

/** @returns whether nothing is left that may be sent later */
async function sendAllLate(core: Core): Promise<boolean> {
  let isDone = true
  const failed = (error: unknown) => {
    core.report(error)
    if (error instanceof XmtpError && error.retry) isDone = false
  }
  const ids = await findLate(core).catch(failed)
  for (const id of ids ?? []) await publishIfWritable(core, id).catch(failed)
  return isDone
}

/** Ids of groups with messages that were encrypted, and are to be encrypted anew. */
async function findLate({ store }: Core): Promise<ReadonlySet<string>> {
  const waiting = await scanAll(store, keys.allPendingMessages)
  const late = waiting.filter(({ value }) => {
    const { payload, epoch } = decodeRow(PendingMessage, value)
    return payload.length === 0 && epoch > 0n
  })
  return new Set(late.map(({ key }) => key.split('/')[1] ?? ''))
}

/**
 * Sends everything of ours that waits in a group. Where nothing can be said now, because we are out of it or it is paused, it
 * goes on waiting.
 * @throws XmtpError what the network throws; `client.node.refused`
 */
export async function publishIfWritable(core: Core, id: string): Promise<void> {
  try {
    await publishMessages(core, id)
  } catch (error) {
    if (!(error instanceof XmtpError && unwritable.has(error.code))) throw error
  }
}

const unwritable: ReadonlySet<string> = new Set([
  'client.conversation.inactive',
  'client.conversation.paused',
])
