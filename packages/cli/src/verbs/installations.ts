import { Client, XmtpError, type InboxState } from '@xmtp-ts/client'
import { networkOf } from '../network.ts'
import { findInstallation, type StoredOptions } from '../session.ts'
import { addedText, installationJson } from '../show/inbox.ts'
import type { Verb, VerbContext } from '../verb.ts'
import { readWallet, type Wallet } from '../wallet-key.ts'
import { inboxIdOf } from './inbox.ts'

/** Lists the installations of an inbox: of the own one unless somebody is named. Makes none. */
export const listInstallations: Verb<StoredOptions, [who: string | undefined]> = async (
  options,
  context,
  who,
) => {
  const own = who === undefined ? await ownInbox(options, context) : undefined
  const state = own?.state ?? (await fetchState(options, who ?? ''))
  await context.reporter.list({
    columns: [{ head: 'INSTALLATION' }, { head: 'ADDED' }, { head: '' }],
    rows: state.installations.map((one) => ({
      json: { inboxId: state.inboxId, ...installationJson(one, own?.installationId) },
      cells: [
        `${one.id.slice(0, 16)}…`,
        addedText(one),
        one.id === own?.installationId ? 'this device' : '',
      ],
    })),
    none: `Inbox ${state.inboxId} has no installations.`,
  })
}

export type RevokeOptions = StoredOptions & { readonly allOthers?: boolean }

/** Revokes installations of the own inbox. Needs the wallet key of the recovery account and no installation. */
export const revokeInstallations: Verb<RevokeOptions, [ids: string[]]> = async (
  options,
  context,
  ids,
) => {
  if ((options.allOthers === true) === ids.length > 0)
    throw new XmtpError('cli.usage', 'Name installations, or say --all-others.')
  const { wallet, state, installationId } = await ownInbox(options, context)
  const chosen =
    options.allOthers === true
      ? state.installations.filter(({ id }) => id !== installationId)
      : ids.map((id) => findIn(state, id))
  const bytes = chosen.map((installation) => installation.bytes)
  if (bytes.length > 0)
    await Client.revokeInstallations(wallet.hex, state.inboxId, bytes, networkOf(options))
  await context.reporter.list({
    columns: [{ head: 'REVOKED' }, { head: 'ADDED' }],
    rows: chosen.map((one) => ({
      json: { inboxId: state.inboxId, ...installationJson(one, installationId), revoked: true },
      cells: [`${one.id.slice(0, 16)}…`, addedText(one)],
    })),
    none: 'There was nothing to revoke.',
  })
}

async function ownInbox(
  options: StoredOptions,
  context: VerbContext,
): Promise<{ wallet: Wallet; state: InboxState; installationId: string | undefined }> {
  const wallet = await readWallet(options, context.io)
  const state = await fetchState(options, wallet.address)
  return { wallet, state, installationId: await findInstallation(options, { wallet, context }) }
}

async function fetchState(options: StoredOptions, who: string): Promise<InboxState> {
  const network = networkOf(options)
  const inboxId = await inboxIdOf(who, network)
  const [state] = await Client.fetchInboxStates([inboxId], network)
  if (state === undefined) throw new TypeError('An inbox without state and without problem.')
  return state
}

/** By its id, or a beginning that only one has. @throws XmtpError `cli.installation.*` */
function findIn({ installations }: InboxState, id: string): InboxState['installations'][number] {
  const prefix = id.toLowerCase().replace(/…$/, '')
  const found = installations.filter((one) => prefix !== '' && one.id.startsWith(prefix))
  const [only, ...others] = found
  if (only === undefined)
    throw new XmtpError(
      'cli.installation.unknown',
      `The inbox has no installation ${JSON.stringify(id.slice(0, 80))}.`,
    )
  if (others.length > 0)
    throw new XmtpError(
      'cli.installation.ambiguous',
      `${found.length} installations begin with ${prefix}.`,
      { details: { candidates: found.map((one) => ({ id: one.id })) } },
    )
  return only
}
