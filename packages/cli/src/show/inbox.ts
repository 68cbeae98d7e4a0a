import type { InboxInstallation, InboxState } from '@xmtp-ts/client'
import { accountText, shortId } from '../people.ts'
import { longTime } from '../terminal/time.ts'

/**
 * An inbox: its accounts and installations.
 * @param own the id of this device's installation, hex
 */
export function inboxReport(state: InboxState, own?: string) {
  const { inboxId, recoveryIdentifier, identifiers, installations } = state
  return {
    json: {
      inboxId,
      recovery: accountText(recoveryIdentifier),
      accounts: identifiers.map(accountText),
      installations: installations.map((installation) => installationJson(installation, own)),
    },
    fields: [
      ['Inbox', inboxId],
      ['Recovery', accountText(recoveryIdentifier)],
      ['Accounts', identifiers.map(accountText)],
      ['Installations', installations.map((one) => installationLine(one, own))],
    ] as const,
  }
}

export function installationJson({ id, clientTimestampNs }: InboxInstallation, own?: string) {
  return { id, addedAt: addedAt(clientTimestampNs)?.toISOString() ?? null, isOwn: id === own }
}

export function addedText({ clientTimestampNs }: InboxInstallation): string {
  const at = addedAt(clientTimestampNs)
  return at === undefined ? 'unknown' : longTime(at)
}

function installationLine(installation: InboxInstallation, own: string | undefined): string {
  const mark = installation.id === own ? ', this device' : ''
  return `${shortId(installation.id)}, added ${addedText(installation)}${mark}`
}

/** By the clock of who added it, who may have said anything. */
function addedAt(ns: bigint | undefined): Date | undefined {
  const date = new Date(Number((ns ?? 0n) / 1_000_000n))
  return ns === undefined || Number.isNaN(date.getTime()) ? undefined : date
}
