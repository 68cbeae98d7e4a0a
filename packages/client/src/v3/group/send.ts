import { encryptMessage } from '@xmtp-ts/mls'
import { DeliveryStatus } from '@xmtp-ts/proto/store/v1/store'
import { bytesToHex, v3, XmtpError } from '@xmtp-ts/protocol'
import {
  installationCheckNs,
  maxConflicts,
  maxEpochsBehind,
  rotationNs,
  maxMessagesPerCall,
  maxMessageBytesPerCall,
} from '../../limits.ts'
import { orderedSegment } from '../../store/record-store.ts'
import { nowNs, type Core } from '../core.ts'
import { keys } from '../records/keys.ts'
import { changeInTurn, settle } from './commit.ts'
import {
  contended,
  openChange,
  putMessage,
  putPendingMessage,
  setMls,
  setProgress,
  writeChange,
  type GroupChange,
} from './group-change.ts'
import type { LoadedGroup, OwnMessage } from './loaded-group.ts'
import { planMembers } from './members.ts'
import { messageRow } from './message-row.ts'
import { failMessage, requireWritable } from './own.ts'
import { sendOwedWelcomes } from './owed-welcomes.ts'
import { loadKnown } from './known.ts'
import { receiveNew } from './receive.ts'
import { doubtBehind } from './rewind.ts'
import { keptTypeOf } from './conversation-row.ts'

export type MessageToSend = {
  /** An encoded EncodedContent. */
  readonly content: Uint8Array
  /** Whether push servers should wake the others. */
  readonly shouldPush: boolean
}

/**
 * Stores a message as unpublished; `publishMessages` sends it.
 * @returns its id, hex: the same for everybody
 * @throws XmtpError `client.conversation.inactive`, `client.conversation.paused`
 */
export function prepareMessage(core: Core, id: string, message: MessageToSend): Promise<string> {
  return core.groups.turn(id, () => addInTurn(core, id, message))
}

async function addInTurn(core: Core, id: string, message: MessageToSend): Promise<string> {
  for (let tries = 0; tries < maxConflicts; tries += 1) {
    const change = openChange(await loadKnown(core, id))
    requireWritable(core, change)
    const messageId = addMessage(core, change, message)
    if ((await writeChange(core, change)) !== undefined) return messageId
  }
  throw contended()
}

/**
 * Sends a message: resolves when the node has it for good. Its place and time are read back afterwards.
 * @returns its id, hex
 * @throws XmtpError as `prepareMessage` and `publishMessages`; the message stays, and is sent with the next ones
 */
export async function sendMessage(core: Core, id: string, message: MessageToSend): Promise<string> {
  const { messageId } = await publish(core, id, message)
  return messageId
}

/**
 * Sends everything of ours that waits in a group, in order, in one call.
 * @throws XmtpError what the network throws: what waits stays; `client.node.refused`: it is marked as failed
 */
export async function publishMessages(core: Core, id: string): Promise<void> {
  await publish(core, id, undefined)
}

async function publish(
  core: Core,
  id: string,
  message: MessageToSend | undefined,
): Promise<{ readonly messageId: string }> {
  const published = await core.groups.turn(id, () => publishInTurn(core, id, message))
  if (published.owesWelcomes) await sendOwedWelcomes(core, id)
  core.confirm(id)
  return published
}

async function publishInTurn(
  core: Core,
  id: string,
  message: MessageToSend | undefined,
): Promise<{ readonly messageId: string; readonly owesWelcomes: boolean }> {
  const { epoch } = (await loadKnown(core, id)).mls.context
  try {
    await makeReady(core, id)
  } catch (error) {
    if (message !== undefined) await addInTurn(core, id, message)
    throw error
  }
  const { group, messageId } = await encryptWaiting(core, id, message)
  if (group.pendingMessages.length > 0) await sendAll(core, group)
  return { messageId, owesWelcomes: group.mls.context.epoch !== epoch }
}

/**
 * Before something is said, everybody's installations are in, our own key is not too old (v3-mls §5.2, §5.5), and it is
 * known what of ours has arrived: that is not sent again.
 */
async function makeReady(core: Core, id: string): Promise<void> {
  let group = await settle(core, id)
  requireWritable(core, { group })
  if (isAnySent(group)) group = await receiveNew(core, id)
  if (isAnySent(group)) {
    const places = group.pendingMessages.map(({ row }) => row.sentAfter)
    await doubtBehind(
      core,
      id,
      places.reduce((least, place) => (place < least ? place : least)),
    )
    group = await receiveNew(core, id)
  }
  if (keptTypeOf(group.conversation) === 'sync') return
  const now = nowNs(core)
  if (now - group.progress.installationsCheckedNs > installationCheckNs) {
    group = await changeInTurn(core, id, (current) => planMembers(core, current, nobody))
    group = await noteChecked(core, group, now)
  }
  const { rotatedAtNs } = group.conversation
  if (now - rotatedAtNs > rotationNs)
    await changeInTurn(core, id, async ({ conversation }) =>
      conversation.rotatedAtNs === rotatedAtNs ? onlyAPath : undefined,
    )
}

/** Whether it is not known of a message of ours what became of it. */
function isAnySent({ pendingMessages }: LoadedGroup): boolean {
  return pendingMessages.some(({ row }) => row.payload.length > 0)
}

const onlyAPath = { proposals: [], keyPackages: [] }

const nobody = { add: [], remove: [] }

async function noteChecked(core: Core, group: LoadedGroup, atNs: bigint): Promise<LoadedGroup> {
  const change = openChange(group)
  setProgress(change, { installationsCheckedNs: atNs })
  return (await writeChange(core, change)) ?? loadKnown(core, group.id)
}

function addMessage(core: Core, change: GroupChange, message: MessageToSend): string {
  const sentAtNs = nextTime(core, change.group)
  const idempotencyKey = sentAtNs.toString()
  const row = messageRow(core, change, {
    plaintext: { content: message.content, idempotencyKey },
    sender: core.self,
    sentAtNs,
    sequenceId: 0n,
    deliveryStatus: DeliveryStatus.DELIVERY_STATUS_UNPUBLISHED,
  })
  putMessage(change, row)
  putPendingMessage(change, {
    key: keys.pendingMessages(change.group.id) + orderedSegment(sentAtNs),
    row: {
      messageId: row.id,
      idempotencyKey,
      content: message.content,
      shouldPush: message.shouldPush,
      payload: new Uint8Array(),
      epoch: 0n,
      sentAtNs,
      sentAfter: 0n,
    },
  })
  return bytesToHex(row.id)
}

/**
 * The clock, to the nanosecond by chance: it makes the id of a message, and another installation of ours may say the same
 * in the same millisecond.
 */
function nextTime(core: Core, group: LoadedGroup): bigint {
  const [a = 0, b = 0] = core.environment.random(2)
  const time = nowNs(core) + BigInt((a * 256 + b) * 15)
  const last = group.pendingMessages.at(-1)?.row.sentAtNs ?? 0n
  return time > last ? time : last + 1n
}

/** Adds a message and encrypts what is not encrypted for an epoch that others still read. */
async function encryptWaiting(
  core: Core,
  id: string,
  message: MessageToSend | undefined,
): Promise<{ readonly group: LoadedGroup; readonly messageId: string }> {
  for (let tries = 0; tries < maxConflicts; tries += 1) {
    const group = await loadKnown(core, id)
    const change = openChange(group)
    requireWritable(core, change)
    const messageId = message === undefined ? '' : addMessage(core, change, message)
    for (const own of change.group.pendingMessages) await encryptOne(core, change, own)
    if (change.group === group) return { group, messageId }
    const written = await writeChange(core, change)
    if (written !== undefined) return { group: written, messageId }
  }
  throw contended()
}

async function encryptOne(core: Core, change: GroupChange, own: OwnMessage): Promise<void> {
  const { mls } = change.group
  const { epoch } = mls.context
  const { row } = own
  if (row.payload.length > 0 && row.epoch + maxEpochsBehind >= epoch) return
  const { content, idempotencyKey } = row
  const data = v3.encodePlaintext({ content, idempotencyKey })
  const { state, message } = await encryptMessage(mls, data, { random: core.environment.random })
  setMls(change, state)
  const sentAfter = change.group.progress.cursor
  putPendingMessage(change, { ...own, row: { ...row, payload: message, epoch, sentAfter } })
}

/** In calls that every node takes; what the node never stores is marked as failed, and nothing beside it. */
async function sendAll(core: Core, group: LoadedGroup): Promise<void> {
  const { groupId } = group.conversation
  const rootKey = await core.hmacRootKey()
  const key = v3.deriveHmacKey(v3.hmacPeriod(core.environment.nowMs()), { rootKey, groupId })
  const send = (all: readonly OwnMessage[]) =>
    core.mls.sendGroupMessages(
      all.map(({ row }) => ({
        data: row.payload,
        senderHmac: v3.senderHmac(key, row.payload),
        shouldPush: row.shouldPush,
      })),
    )
  const refused = new Map<OwnMessage, XmtpError>()
  for (const portion of inPortions(group.pendingMessages))
    for (const [own, error] of await findRefused(send, portion)) refused.set(own, error)
  const [first] = refused.values()
  if (first === undefined) return
  await fail(core, group, [...refused.keys()])
  throw first
}

function* inPortions(all: readonly OwnMessage[]): Generator<readonly OwnMessage[], void> {
  let portion: OwnMessage[] = []
  let sizeBytes = 0
  for (const own of all) {
    const { length } = own.row.payload
    const isFull =
      portion.length === maxMessagesPerCall || sizeBytes + length > maxMessageBytesPerCall
    if (isFull && portion.length > 0) {
      yield portion
      portion = []
      sizeBytes = 0
    }
    portion.push(own)
    sizeBytes += length
  }
  if (portion.length > 0) yield portion
}

/** A call is refused as a whole: its messages are sent one by one then. */
async function findRefused(
  send: (all: readonly OwnMessage[]) => Promise<void>,
  portion: readonly OwnMessage[],
): Promise<readonly (readonly [OwnMessage, XmtpError])[]> {
  try {
    await send(portion)
    return []
  } catch (error) {
    if (!(error instanceof XmtpError) || error.code !== 'client.node.refused') throw error
    const [first, ...others] = portion
    if (first === undefined) return []
    if (others.length === 0) return [[first, error]]
  }
  const refused: (readonly [OwnMessage, XmtpError])[] = []
  for (const own of portion) refused.push(...(await findRefused(send, [own])))
  return refused
}

/** The node has said that it never stores them. */
async function fail(core: Core, group: LoadedGroup, refused: readonly OwnMessage[]): Promise<void> {
  const change = openChange(group)
  for (const own of refused) await failMessage(core, change, own)
  if ((await writeChange(core, change)) === undefined) throw contended()
}
