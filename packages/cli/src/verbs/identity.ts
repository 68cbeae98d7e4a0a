import { IdentifierKind, getInboxIdForIdentifier, Client, XmtpError } from '@xmtp-ts/client'
import { readSecretFile } from '@xmtp-ts/client/node'
import { parseAddress } from '@xmtp-ts/client/v2'
import { networkOf } from '../network.ts'
import { parseSecret } from '../secret-file.ts'
import {
  findInstallation,
  openSession,
  type SessionOptions,
  type StoredOptions,
} from '../session.ts'
import { fieldsText } from '../show/fields.ts'
import { inboxReport } from '../show/inbox.ts'
import { storeFileOf } from '../store-file.ts'
import type { Verb } from '../verb.ts'
import { readOrCreateWalletKey, readWallet, withAddress, type Wallet } from '../wallet-key.ts'

/** Makes a wallet key where there is none, its inbox where it has none, and an installation on this device. */
export const createIdentity: Verb<StoredOptions> = async (options, context) => {
  const { io, reporter } = context
  const key = await readOrCreateWalletKey(options, io)
  if (key.isNew) reporter.progress(`Wrote a new wallet key to ${key.file ?? ''}`)
  const wallet = await withAddress(key)
  const isNewInbox = (await inboxOf(options, wallet)) === null
  await using session = await openSession(options, context)
  const { inboxId, installationId } = session.client
  const { path } = storeFileOf(options, { address: wallet.address, io })
  await reporter.result({
    json: {
      address: wallet.address,
      inboxId,
      installationId,
      keyFile: key.file ?? null,
      store: path,
      isNewKey: key.isNew,
      isNewInbox,
      isNewInstallation: session.isNew,
    },
    text: (screen) =>
      fieldsText(
        [
          ['Address', wallet.address],
          ['Inbox', `${inboxId}${isNewInbox ? ' (new)' : ''}`],
          ['Installation', `${installationId}${session.isNew ? ' (new)' : ''}`],
          ['Wallet key', key.file ?? 'XMTP_WALLET_KEY'],
          ['Store', path],
        ],
        screen,
      ),
  })
}

/** Shows the account, its inbox and the installation of this device. Changes nothing. */
export const showIdentity: Verb<StoredOptions> = async (options, context) => {
  const { io, reporter } = context
  const wallet = await readWallet(options, io)
  const inboxId = await inboxOf(options, wallet)
  const installationId = await findInstallation(options, { wallet, context })
  const [state] =
    inboxId === null ? [] : await Client.fetchInboxStates([inboxId], networkOf(options))
  const { path, exists } = storeFileOf(options, { address: wallet.address, io })
  const inbox = state && inboxReport(state, installationId)
  const isRevoked =
    installationId !== undefined && !state?.installations.some(({ id }) => id === installationId)
  await reporter.result({
    json: {
      address: wallet.address,
      keyFile: wallet.file ?? null,
      registered: state !== undefined,
      store: exists ? path : null,
      installationId: installationId ?? null,
      isRevoked,
      inboxId: null,
      ...inbox?.json,
    },
    text: (screen) =>
      fieldsText(
        [
          ['Address', wallet.address],
          ['Wallet key', wallet.file ?? 'XMTP_WALLET_KEY'],
          ['Store', exists ? path : 'none on this device'],
          [
            'Installation',
            `${installationId ?? 'none on this device'}${isRevoked ? ' (revoked)' : ''}`,
          ],
          ...(inbox?.fields ?? [['Inbox', 'none; run `xmtp-ts identity create`'] as const]),
        ],
        screen,
      ),
  })
}

export type AddWalletOptions = SessionOptions & { readonly take?: boolean }

/** Adds the account of another wallet key to the inbox. */
export const addWallet: Verb<AddWalletOptions, [keyFile: string]> = async (
  options,
  context,
  keyFile,
) => {
  const bytes = await readSecretFile(keyFile)
  if (bytes === undefined) throw new XmtpError('cli.key.missing', `There is no ${keyFile}.`)
  const hex = parseSecret(new TextDecoder().decode(bytes))
  if (hex === undefined) throw new XmtpError('cli.key.malformed', `${keyFile} holds no wallet key.`)
  await using session = await openSession(options, context)
  await session.client.unsafe_addAccount(hex, options.take === true)
  await reportInbox(session.client, context)
}

/** Removes an account from the inbox, and the installations that it added. */
export const removeWallet: Verb<SessionOptions, [address: string]> = async (
  options,
  context,
  address,
) => {
  const identifier = identifierOf(address)
  await using session = await openSession(options, context)
  await session.client.removeAccount(identifier)
  await reportInbox(session.client, context)
}

/** Names the account that may restore the inbox from now on. */
export const recovery: Verb<SessionOptions, [address: string]> = async (
  options,
  context,
  address,
) => {
  const identifier = identifierOf(address)
  await using session = await openSession(options, context)
  await session.client.changeRecoveryIdentifier(identifier)
  await reportInbox(session.client, context)
}

async function reportInbox(client: Client, { reporter }: Parameters<typeof addWallet>[1]) {
  const { json, fields } = inboxReport(
    await client.preferences.fetchInboxState(),
    client.installationId,
  )
  await reporter.result({ json, text: (screen) => fieldsText(fields, screen) })
}

function inboxOf(options: StoredOptions, { address }: Wallet): Promise<string | null> {
  return getInboxIdForIdentifier(networkOf(options), identifierOf(address))
}

function identifierOf(address: string) {
  const identifierKind = IdentifierKind.Ethereum
  return { identifier: parseAddress(address).toLowerCase(), identifierKind }
}
