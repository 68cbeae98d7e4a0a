import { XmtpError } from '@xmtp-ts/protocol'
import type { Core } from '../core.ts'
import { directIdOf, keptTypeOf } from '../group/conversation-row.ts'
import { Dm } from './dm.ts'
import { ConsentState, ConversationType, ListConversationsOrderBy } from './enums.ts'
import { Group } from './group.ts'
import type { Host } from './host.ts'
import { compareActivity, readAllViews, readView, type View } from './view.ts'

/** Which conversations to list; the options of `@xmtp/node-sdk`. Times are exclusive. */
export type ListConversationsOptions = {
  /** All but denied ones unless given. */
  readonly consentStates?: readonly ConsentState[] | undefined
  readonly conversationType?: ConversationType | undefined
  readonly createdAfterNs?: bigint | undefined
  readonly createdBeforeNs?: bigint | undefined
  /** Lists each of several direct messages between the same two. */
  readonly includeDuplicateDms?: boolean | undefined
  readonly limit?: number | undefined
  /** Newest first either way; by when something was last said unless given, as libxmtp does it. */
  readonly orderBy?: ListConversationsOrderBy | undefined
}

export const defaultConsentStates: readonly ConsentState[] = [
  ConsentState.Unknown,
  ConsentState.Allowed,
]

/** The object for a conversation; undefined for sync groups, which are not for people. */
export function openConversation<Content>(
  host: Host,
  view: View,
): Group<Content> | Dm<Content> | undefined {
  const type = keptTypeOf(view.row)
  if (type === 'sync') return undefined
  const page = host.book.open(view)
  return type === 'dm' ? new Dm<Content>(host, page) : new Group<Content>(host, page)
}

/** @throws XmtpError `client.conversation.unknown` */
export async function openGroup<Content>(host: Host, id: string): Promise<Group<Content>> {
  return new Group<Content>(host, host.book.open(await requireView(host.core, id)))
}

/** @throws XmtpError `client.conversation.unknown` */
export async function openDirect<Content>(host: Host, id: string): Promise<Dm<Content>> {
  return new Dm<Content>(host, host.book.open(await requireView(host.core, id)))
}

/** What is in the store, the most recently active first; of duplicates the most recently active one. */
export async function listViews(
  core: Core,
  options: ListConversationsOptions,
): Promise<readonly View[]> {
  const all = await readAllViews(core)
  const shown = options.includeDuplicateDms === true ? all : withoutDuplicates(all)
  const byActivity = options.orderBy !== ListConversationsOrderBy.CreatedAt
  const timeOf = ({ activeAtNs, row }: View) => (byActivity ? activeAtNs : row.createdAtNs)
  const found = shown
    .filter((view) => matches(view, options))
    .toSorted((a, b) => Number(timeOf(b) - timeOf(a)))
  return options.limit === undefined ? found : found.slice(0, options.limit)
}

export function typeOf({ row }: View): ConversationType {
  const types = {
    dm: ConversationType.Dm,
    group: ConversationType.Group,
    sync: ConversationType.Sync,
  } as const
  return types[keptTypeOf(row)]
}

/** Whether an app is to see a conversation at all. */
export function isOf(
  view: View,
  { conversationType, consentStates = defaultConsentStates }: ListConversationsOptions,
): boolean {
  const type = typeOf(view)
  const states = consentStates.length === 0 ? defaultConsentStates : consentStates
  return (
    type !== ConversationType.Sync &&
    (conversationType === undefined || conversationType === type) &&
    states.includes(view.consent)
  )
}

function matches(view: View, options: ListConversationsOptions): boolean {
  const { createdAfterNs, createdBeforeNs } = options
  const { createdAtNs } = view.row
  return (
    isOf(view, options) &&
    (createdAfterNs === undefined || createdAtNs > createdAfterNs) &&
    (createdBeforeNs === undefined || createdAtNs < createdBeforeNs)
  )
}

function withoutDuplicates(views: readonly View[]): readonly View[] {
  const shown = new Map<string, View>()
  for (const view of views) {
    const key = directIdOf(view.row) ?? view.id
    const known = shown.get(key)
    if (known === undefined || compareActivity(view, known) < 0) shown.set(key, view)
  }
  return [...shown.values()]
}

async function requireView(core: Core, id: string): Promise<View> {
  const view = await readView(core, id)
  if (view === undefined)
    throw new XmtpError('client.conversation.unknown', `There is no conversation ${id}.`)
  return view
}
