import { XmtpError } from '@xmtp-ts/protocol'
import { isPaused } from '../group/pausing.ts'
import { prepareMessage, publishMessages, sendMessage, type MessageToSend } from '../group/send.ts'
import { changeConsents } from './consent.ts'
import { ConsentState } from './enums.ts'
import type { Host } from './host.ts'
import { readStitched, readView, type View } from './view.ts'

/**
 * Sends a message, of a direct message in the most recently active of its duplicates. Who writes in a conversation
 * allows it (v3-mls §7.6).
 * @returns its id, hex
 * @throws XmtpError as `sendMessage`
 */
export async function say(host: Host, view: View, message: MessageToSend): Promise<string> {
  const target = await placeToWrite(host, view)
  const id = await sendMessage(host.core, target.id, message)
  await allow(host, target)
  return id
}

/** Stores a message that `publishAll` sends later. @returns its id, hex */
export async function sayLater(host: Host, view: View, message: MessageToSend): Promise<string> {
  return prepareMessage(host.core, (await placeToWrite(host, view)).id, message)
}

/** Sends what waits in a conversation and its duplicates. */
export async function publishAll(host: Host, view: View): Promise<void> {
  const stitched = await readStitched(host.core, view)
  const writable = stitched.filter((one) => isWritable(host, one))
  for (const { id } of writable.length === 0 ? stitched : writable)
    await publishMessages(host.core, id)
  await allow(host, view)
}

async function placeToWrite(host: Host, view: View): Promise<View> {
  const stitched = await readStitched(host.core, view)
  return stitched.find((one) => isWritable(host, one)) ?? stitched[0] ?? view
}

function isWritable({ core }: Host, { row }: View): boolean {
  return row.active && !isPaused(core, row)
}

async function allow(host: Host, { id }: View): Promise<void> {
  const view = await readView(host.core, id)
  if (view === undefined)
    throw new XmtpError('client.conversation.unknown', `There is no conversation ${id}.`)
  if (view.consent === ConsentState.Allowed) return
  const change = { kind: 'conversation', entity: id, state: ConsentState.Allowed } as const
  await changeConsents(host.core, [change])
}
