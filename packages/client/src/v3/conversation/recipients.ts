import { attempt, v3 } from '@xmtp-ts/protocol'
import type { Core } from '../core.ts'
import { resolveRecipient, type Recipient } from '../identity/inbox-state.ts'

/**
 * The inbox of somebody who is here already: an inbox id is taken at its word, so that somebody whose log cannot be read can
 * still be removed.
 * @throws XmtpError `client.inbox.*` for an account without inbox, what the network throws
 */
export async function nameRecipient(core: Core, person: Recipient): Promise<v3.InboxId> {
  const inboxId = typeof person === 'string' ? attempt(() => v3.parseInboxId(person)) : undefined
  return inboxId?.ok === true ? inboxId.value : resolveRecipient(core, person)
}

/** See `nameRecipient`. */
export function nameRecipients(
  core: Core,
  people: readonly Recipient[],
): Promise<readonly v3.InboxId[]> {
  return Promise.all(people.map((person) => nameRecipient(core, person)))
}

/**
 * What a change of members works with, from finding the people to the commit: one question for the logs of them and of
 * those who are in already, and of ourselves.
 */
export function forOneChange(core: Core, members: readonly string[]): Core {
  return { ...core, inboxes: core.inboxes.during([core.self.inboxId, ...members]) }
}
