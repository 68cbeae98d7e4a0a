import type { EncodedContent } from '@xmtp-ts/content'
import { GroupMessage } from '@xmtp-ts/proto/mls/api/v1/mls'
import { decodeMutableMetadata, disappearingSettings } from '@xmtp-ts/protocol/group'
import { XmtpError } from '@xmtp-ts/protocol'
import { commitLogInfo, type CommitLogInfo } from '../commit-log/debug.ts'
import { keptTypeOf } from '../group/conversation-row.ts'
import { isPaused } from '../group/pausing.ts'
import { syncConversation } from '../group/sync.ts'
import { encodeWire } from '../message/content.ts'
import { dateOf, type DecodedMessage } from '../message/decoded-message.ts'
import { SortDirection } from '../message/enums.ts'
import {
  countMessages,
  listMessages,
  readTimes,
  type Listed,
  type ListMessagesOptions,
} from '../message/list.ts'
import { openStream } from '../stream/open-stream.ts'
import type { StreamOptions } from '../stream/options.ts'
import type { ValueStream } from '../stream/value-stream.ts'
import type { Page } from './book.ts'
import { changeConsents } from './consent.ts'
import { ConversationType, type ConsentState } from './enums.ts'
import { readHmacKeys, type HmacKey } from './hmac-keys.ts'
import type { Host } from './host.ts'
import { readMembers, type GroupMember } from './members.ts'
import { changeDisappearing } from './plans.ts'
import { publishAll, say, sayLater } from './say.ts'
import { Sending, type SendMessageOptions } from './sending.ts'
import { settled } from './settle.ts'
import { messageSource } from './streamed.ts'
import { readStitched, type View } from './view.ts'

/** From when on messages disappear, and how long after they came. */
export type MessageDisappearingSettings = { readonly fromNs: bigint; readonly inNs: bigint }

export type ConversationDebugInfo = CommitLogInfo & {
  readonly epoch: bigint
  /** A member wrote in an epoch that this client has not reached: the two may be in different groups. */
  readonly maybeForked: boolean
  readonly forkDetails: string
  /** The places of the last message and of the last commit that were read. */
  readonly cursor: readonly { readonly originatorId: number; readonly sequenceId: number }[]
}

/**
 * A group or a direct message; `Group` and `Dm` have the rest. Getters show what this client knows now: they are brought
 * up to date by each method of this object, by reading all that is new, and a moment after anything else changes the
 * conversation.
 */
export abstract class Conversation<Content = unknown> extends Sending {
  protected readonly host: Host
  readonly #page: Page

  constructor(host: Host, page: Page) {
    super()
    this.host = host
    this.#page = page
  }

  protected get view(): View {
    return this.#page.view
  }

  /** hex */
  get id(): string {
    return this.view.id
  }

  /** Whether we are a member. */
  get isActive(): boolean {
    return this.view.row.active
  }

  get addedByInboxId(): string {
    return this.view.row.addedByInboxId
  }

  get createdAtNs(): bigint {
    return this.view.row.createdAtNs
  }

  get createdAt(): Date {
    return dateOf(this.createdAtNs)
  }

  /** How push servers name the conversation. */
  get topic(): string {
    return `/xmtp/mls/1/g-${this.id}/proto`
  }

  /** The libxmtp version that the conversation asks for, if this client is older: it cannot write then. */
  pausedForVersion(): string | undefined {
    const { row } = this.view
    return isPaused(this.host.core, row) ? row.pausedForVersion : undefined
  }

  consentState(): ConsentState {
    return this.view.consent
  }

  /** Says whether the conversation is wanted; duplicates of a direct message go along. */
  async updateConsentState(state: ConsentState): Promise<void> {
    const change = { kind: 'conversation', entity: this.id, state } as const
    await changeConsents(this.host.core, [change])
    await this.refresh()
  }

  /** Keys for push servers by the id of the conversation and of its duplicates. */
  async hmacKeys(): Promise<Record<string, HmacKey[]>> {
    return readHmacKeys(this.host.core, await readStitched(this.host.core, this.view))
  }

  async metadata(): Promise<{ creatorInboxId: string; conversationType: ConversationType }> {
    const { creatorInboxId } = this.view.row
    const types = {
      dm: ConversationType.Dm,
      group: ConversationType.Group,
      sync: ConversationType.Sync,
    } as const
    return { creatorInboxId, conversationType: types[keptTypeOf(this.view.row)] }
  }

  /** @throws what the network throws, when the log of a member is not here yet */
  async members(): Promise<GroupMember[]> {
    await this.refresh()
    return readMembers(this.host.core, this.view)
  }

  /** Sends what waits and reads what is new. @throws what the network throws */
  async sync(): Promise<void> {
    for (const { id } of await readStitched(this.host.core, this.view))
      await syncConversation(this.host.core, id)
    await this.refresh()
  }

  /** The messages that come from now on. Resolves when nothing can be missed any more. */
  async stream(
    options: StreamOptions<DecodedMessage<Content>> = {},
  ): Promise<ValueStream<DecodedMessage<Content>>> {
    const { dmMembers } = this.view.row
    const pair = dmMembers.toSorted().join()
    const isOurs = ({ id, row }: View) =>
      id === this.id || (pair !== '' && row.dmMembers.toSorted().join() === pair)
    return openStream(this.host, messageSource<Content>(this.host, isOurs), options)
  }

  /**
   * Takes a message that came some other way, such as with a push notification. What came before it is read first.
   * @param envelopeBytes an encoded `xmtp.mls.api.v1.GroupMessage`
   * @throws what the network throws, XmtpError `bytes.malformed`
   */
  async processStreamedMessage(envelopeBytes: Uint8Array): Promise<DecodedMessage<Content>[]> {
    const message = readEnvelope(envelopeBytes)
    await this.sync()
    const options = { sentAfterNs: message.createdNs - 1n, sentBeforeNs: message.createdNs + 1n }
    return listMessages<Content>(this.host, { groupIds: [this.id], isDirect: false }, options)
  }

  /** Sends what was kept back (`isOptimistic`). @throws as `send` */
  async publishMessages(): Promise<void> {
    await publishAll(this.host, this.view)
    await this.refresh()
  }

  /**
   * Sends content that is encoded already. Resolves when the node has it.
   * @returns the id of the message, hex
   * @throws XmtpError `client.conversation.inactive`, `client.conversation.paused`, what the network throws: the
   * message then stays, unpublished, and goes with the next one
   */
  async send(encoded: EncodedContent, options: SendMessageOptions = {}): Promise<string> {
    const { shouldPush = true, optimistic = false } = options
    return this.sendBytes({ content: encodeWire(encoded), shouldPush }, optimistic)
  }

  /** Messages that are here, without reactions and read receipts. Asks nobody. */
  async messages(options: ListMessagesOptions = {}): Promise<DecodedMessage<Content>[]> {
    return listMessages<Content>(this.host, await this.#listed(), options)
  }

  async countMessages(
    options: Omit<ListMessagesOptions, 'limit' | 'direction'> = {},
  ): Promise<number> {
    return countMessages(this.host, await this.#listed(), options)
  }

  async lastMessage(): Promise<DecodedMessage<Content> | undefined> {
    const [last] = await this.messages({ limit: 1, direction: SortDirection.Descending })
    return last
  }

  messageDisappearingSettings(): MessageDisappearingSettings | undefined {
    return disappearingSettings(decodeMutableMetadata(this.view.row.mutableMetadata))
  }

  isMessageDisappearingEnabled(): boolean {
    return this.messageDisappearingSettings() !== undefined
  }

  /** Messages from `fromNs` on disappear `inNs` after they came. @throws as changes of groups do */
  async updateMessageDisappearingSettings(fromNs: bigint, inNs: bigint): Promise<void> {
    await changeDisappearing(this.host.core, this.id, { fromNs, inNs })
    await this.refresh()
  }

  async removeMessageDisappearingSettings(): Promise<void> {
    await this.updateMessageDisappearingSettings(0n, 0n)
  }

  async debugInfo(): Promise<ConversationDebugInfo> {
    await this.refresh()
    const { row, cursor } = this.view
    return {
      epoch: row.epoch,
      maybeForked: row.maybeForked,
      forkDetails: row.forkDetails,
      ...(await commitLogInfo(this.host.core, this.id)),
      // Messages and commits, as libxmtp numbers them; here they are read together.
      cursor: [10, 0].map((originatorId) => ({ originatorId, sequenceId: Number(cursor) })),
    }
  }

  /** When each inbox last sent a read receipt: Unix nanoseconds, as a number of JavaScript has them. */
  async lastReadTimes(): Promise<Record<string, number>> {
    return readTimes(this.host, await this.#listed())
  }

  protected async refresh(): Promise<void> {
    await this.host.book.refresh(this.#page)
  }

  protected override get codecs(): Host {
    return this.host
  }

  protected override async sendBytes(
    message: Parameters<typeof say>[2],
    isOptimistic: boolean,
  ): Promise<string> {
    const id = await (isOptimistic ? sayLater : say)(this.host, this.view, message)
    await this.refresh()
    return id
  }

  async #listed(): Promise<Listed> {
    const stitched = await readStitched(this.host.core, this.view)
    await Promise.all(stitched.map(({ id }) => settled(this.host, id)))
    return {
      groupIds: stitched.map(({ id }) => id),
      isDirect: keptTypeOf(this.view.row) === 'dm',
    }
  }
}

function readEnvelope(bytes: Uint8Array) {
  try {
    const { version } = GroupMessage.decode(bytes)
    if (version !== undefined) return version.value
  } catch {
    // Said below.
  }
  throw new XmtpError('bytes.malformed', `${bytes.length} bytes are no group message.`)
}
