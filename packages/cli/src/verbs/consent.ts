import {
  ConsentEntityType,
  ConsentState,
  IdentifierKind,
  XmtpError,
  type Consent,
} from '@xmtp-ts/client'
import { everyConsentState, findConversation, isPerson, type AnyConversation } from '../find.ts'
import { nameOf, recipientOf, shortId } from '../people.ts'
import { openSynced, type Session, type SessionOptions } from '../session.ts'
import { consentNames, displayName, inboxesOfConversation } from '../show/conversation.ts'
import type { Known } from '../show/message.ts'
import type { Verb, VerbContext } from '../verb.ts'

type Change = Verb<SessionOptions, [conversationsOrPeople: string[]]>

/** Wants conversations, or people. */
export const allow: Change = (options, context, names) =>
  decide(options, context, { names, state: ConsentState.Allowed })

/** Does not want them: neither lists nor streams show them. */
export const deny: Change = (options, context, names) =>
  decide(options, context, { names, state: ConsentState.Denied })

/** Lists what was decided, of conversations and of everybody in them. */
export const listConsent: Verb<SessionOptions> = async (options, context) => {
  await using session = await openSynced(options, context)
  const { client } = session
  const all = await client.conversations.list({ consentStates: everyConsentState })
  const decided = all.filter((one) => one.consentState() !== ConsentState.Unknown)
  const members = await Promise.all(all.map((one) => one.members()))
  const people = new Map(
    members.flat().map(({ inboxId, consentState }) => [inboxId, consentState] as const),
  )
  const consents = [
    ...decided.map(consentOf),
    ...Array.from(people, ([entity, state]) => ({
      entityType: ConsentEntityType.InboxId,
      entity,
      state,
    })).filter(({ state }) => state !== ConsentState.Unknown),
  ]
  await report(consents, { session, context, conversations: all })
}

async function decide(
  options: SessionOptions,
  context: VerbContext,
  { names, state }: { readonly names: readonly string[]; readonly state: ConsentState },
): Promise<void> {
  for (const name of names.filter(isPerson)) recipientOf(name)
  await using session = await openSynced(options, context)
  const conversations: AnyConversation[] = []
  const people: string[] = []
  for (const name of names) {
    if (isPerson(name)) people.push(await inboxIdOf(session, name))
    else conversations.push(await findConversation(session, name))
  }
  // Who decides about somebody decides about the direct message with them.
  for (const inboxId of people) {
    const direct = await session.client.conversations.getDmByInboxId(inboxId)
    if (direct !== undefined) conversations.push(direct)
  }
  const consents: readonly Consent[] = [
    ...conversations.map((one) => ({ ...consentOf(one), state })),
    ...people.map((entity) => ({ entityType: ConsentEntityType.InboxId, entity, state })),
  ]
  await session.client.preferences.setConsentStates(consents)
  await report(consents, { session, context, conversations })
}

/** @throws XmtpError `client.inbox.unknown` */
async function inboxIdOf({ client }: Session, name: string): Promise<string> {
  const person = recipientOf(name)
  if (!person.startsWith('0x')) return person
  const identifier = { identifier: person.toLowerCase(), identifierKind: IdentifierKind.Ethereum }
  const inboxId = await client.fetchInboxIdByIdentifier(identifier)
  if (inboxId === null) throw new XmtpError('client.inbox.unknown', `${person} has no inbox.`)
  return inboxId
}

function consentOf(conversation: AnyConversation): Consent {
  return {
    entityType: ConsentEntityType.GroupId,
    entity: conversation.id,
    state: conversation.consentState(),
  }
}

async function report(
  consents: readonly Consent[],
  {
    session,
    context,
    conversations,
  }: {
    readonly session: Session
    readonly context: VerbContext
    readonly conversations: readonly AnyConversation[]
  },
): Promise<void> {
  const isOfPerson = ({ entityType }: Consent) => entityType === ConsentEntityType.InboxId
  const known = await session.people.find([
    ...conversations.flatMap(inboxesOfConversation),
    ...consents.filter(isOfPerson).map(({ entity }) => entity),
  ])
  const nameOfConversation = (id: string) => {
    const conversation = conversations.find((one) => one.id === id)
    return conversation === undefined ? shortId(id) : displayName({ conversation, known })
  }
  await context.reporter.list({
    columns: [
      { head: 'CONSENT' },
      { head: 'OF' },
      { head: 'NAME', isFlexible: true },
      { head: 'ID', isFlexible: true, isDim: true },
    ],
    rows: consents.map((consent) => ({
      json: consentJson(consent, known),
      cells: [
        consentNames[consent.state],
        isOfPerson(consent) ? 'inbox' : 'conversation',
        isOfPerson(consent)
          ? nameOf(known.get(consent.entity), consent.entity)
          : nameOfConversation(consent.entity),
        consent.entity,
      ],
    })),
    none: 'Nothing was decided yet.',
  })
}

function consentJson({ entityType, entity, state }: Consent, known: Known) {
  const isOfPerson = entityType === ConsentEntityType.InboxId
  return {
    type: isOfPerson ? 'inbox' : 'conversation',
    id: entity,
    address: isOfPerson ? (known.get(entity)?.address ?? null) : null,
    consent: consentNames[state],
  }
}
