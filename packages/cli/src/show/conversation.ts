import { Dm, Group, ConsentState, type DecodedMessage } from '@xmtp-ts/client'
import { nameOf, shortId } from '../people.ts'
import { shortName, type AnyConversation } from '../find.ts'
import type { Listing, Report } from '../report.ts'
import { longTime, shortTime } from '../terminal/time.ts'
import { fieldsText } from './fields.ts'
import { messageSummary, type Known } from './message.ts'

export type Described = {
  readonly conversation: AnyConversation
  readonly last: DecodedMessage | undefined
  readonly known: Known
}

export const consentNames: Readonly<Record<ConsentState, 'unknown' | 'allowed' | 'denied'>> = {
  [ConsentState.Unknown]: 'unknown',
  [ConsentState.Allowed]: 'allowed',
  [ConsentState.Denied]: 'denied',
}

/** One conversation, as verbs that make or change it print it. */
export function conversationReport(described: Described): Report {
  return {
    json: conversationJson(described),
    text: (screen) => fieldsText(conversationFields(described), screen),
  }
}

export function conversationListing(all: readonly Described[], now: Date): Listing {
  return {
    columns: [
      { head: 'ID', isDim: true },
      { head: 'TYPE' },
      { head: 'NAME', isFlexible: true },
      { head: 'LAST MESSAGE', isFlexible: true },
      { head: 'WHEN' },
      { head: 'CONSENT', isDim: true },
    ],
    rows: all.map((described) => ({
      json: conversationJson(described),
      cells: conversationCells(described, now),
    })),
    none: 'There are no conversations yet: `xmtp-ts dm` and `xmtp-ts group create` begin one.',
  }
}

export function conversationJson({ conversation, last, known }: Described) {
  const peerInboxId = conversation instanceof Dm ? conversation.peerInboxId : null
  const peer = peerInboxId === null ? null : (known.get(peerInboxId)?.address ?? null)
  const settings = conversation.messageDisappearingSettings()
  return {
    version: 'v3',
    id: conversation.id,
    type: conversation instanceof Dm ? 'dm' : 'group',
    peer,
    peerInboxId,
    ...(conversation instanceof Group && {
      name: conversation.name,
      description: conversation.description,
      imageUrl: conversation.imageUrl,
    }),
    createdAt: conversation.createdAt.toISOString(),
    addedByInboxId: conversation.addedByInboxId,
    consent: consentNames[conversation.consentState()],
    isActive: conversation.isActive,
    pausedForVersion: conversation.pausedForVersion() ?? null,
    disappearing:
      settings === undefined
        ? null
        : { fromNs: settings.fromNs.toString(), inNs: settings.inNs.toString() },
    lastMessage:
      last === undefined
        ? null
        : {
            id: last.id,
            senderInboxId: last.senderInboxId,
            sentAt: last.sentAt.toISOString(),
            text: messageSummary({ message: last, known }),
          },
  }
}

/** Inboxes whose names a description needs. */
export function inboxesOfConversation(conversation: AnyConversation): readonly string[] {
  return conversation instanceof Dm
    ? [conversation.peerInboxId, conversation.addedByInboxId]
    : [conversation.addedByInboxId]
}

export function displayName({ conversation, known }: Omit<Described, 'last'>): string {
  const peer = conversation instanceof Dm ? conversation.peerInboxId : ''
  return shortName(conversation, nameOf(known.get(peer), peer))
}

function conversationCells(described: Described, now: Date): readonly string[] {
  const { conversation, last, known } = described
  return [
    shortId(conversation.id),
    conversation instanceof Dm ? 'dm' : 'group',
    displayName(described),
    last === undefined ? '' : messageSummary({ message: last, known }),
    shortTime(last?.sentAt ?? conversation.createdAt, now),
    stateOf(conversation),
  ]
}

/** What somebody wants of it, or why nothing can be written. */
function stateOf(conversation: AnyConversation): string {
  if (!conversation.isActive) return 'left'
  return conversation.pausedForVersion() === undefined
    ? consentNames[conversation.consentState()]
    : 'paused'
}

function conversationFields(described: Described): Parameters<typeof fieldsText>[0] {
  const { conversation, last, known } = described
  const by = conversation.addedByInboxId
  return [
    conversation instanceof Dm
      ? ['DM with', known.get(conversation.peerInboxId)?.address ?? displayName(described)]
      : ['Group', displayName(described)],
    ['Id', conversation.id],
    ...(conversation instanceof Dm
      ? ([['Inbox', conversation.peerInboxId]] as const)
      : ([
          ['Description', conversation.description],
          ['Picture', conversation.imageUrl],
        ] as const)),
    ['Begun', `${longTime(conversation.createdAt)}, by ${nameOf(known.get(by), by)}`],
    ['Consent', stateOf(conversation)],
    ['Newest', last === undefined ? '' : messageSummary({ message: last, known })],
  ]
}
