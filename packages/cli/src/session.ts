import { Client, XmtpError, type InboxState, type Refusal } from '@xmtp-ts/client'
import { networkOf, type NetworkOptions } from './network.ts'
import { openPeople, shortId, type People } from './people.ts'
import { sentence, type Reporter } from './report.ts'
import { readStoreKey, storeFileOf, type StoreOptions } from './store-file.ts'
import type { VerbContext } from './verb.ts'
import { appVersion } from './version.ts'
import { readWallet, type KeyOptions, type Wallet } from './wallet-key.ts'

/** The options of verbs that look at the store of an account, if there is one. */
export type StoredOptions = NetworkOptions & KeyOptions & StoreOptions

/** The options of verbs that need an installation. */
export type SessionOptions = StoredOptions & {
  readonly ephemeral?: boolean
  /** False: nobody is asked anything. */
  readonly sync?: boolean
}

/** An installation at work. */
export type Session = AsyncDisposable & {
  readonly client: Client
  readonly people: People
  readonly wallet: Wallet
  /** Whether this call has made the installation. */
  readonly isNew: boolean
}

/**
 * Opens the installation of the wallet key, and makes one where there is none, saying so. Ctrl-C ends whatever it does.
 * @throws XmtpError `cli.key.*`, `cli.storeKey.*`, `cli.installation.revoked`, `client.store.*`, what `Client.create` throws
 */
export async function openSession(options: SessionOptions, context: VerbContext): Promise<Session> {
  const wallet = await readWallet(options, context.io)
  const { ephemeral: disableDeviceSync } = options
  const client = await openClient(options, { wallet, context, disableDeviceSync })
  const isNew = !client.isRegistered
  const stop = () => void client.close()
  context.io.signal.addEventListener('abort', stop, { once: true })
  if (context.io.signal.aborted) stop()
  const close = async () => {
    context.io.signal.removeEventListener('abort', stop)
    await client.close()
    if (options.ephemeral === true) await revokeEphemeral(options, { wallet, context, client })
  }
  try {
    if (isNew) await makeInstallation(client, { wallet, reporter: context.reporter })
    else if (options.sync !== false) await requireMember(client)
    return { client, wallet, isNew, people: openPeople(client), [Symbol.asyncDispose]: close }
  } catch (error) {
    await client.close()
    throw error
  }
}

/** The same, up to date. @throws XmtpError as `openSession`, what the network throws */
export async function openSynced(options: SessionOptions, context: VerbContext): Promise<Session> {
  const session = await openSession(options, context)
  try {
    const reading = session.client.conversations.syncAll()
    await context.reporter.during('Reading what is new …', reading)
    return session
  } catch (error) {
    await session[Symbol.asyncDispose]()
    throw error
  }
}

/**
 * The installation that the store has for the account, without making one.
 * @returns its id, hex; undefined when there is none that others know
 */
export async function findInstallation(
  options: StoredOptions,
  { wallet, context }: { readonly wallet: Wallet; readonly context: VerbContext },
): Promise<string | undefined> {
  const file = storeFileOf(options, { address: wallet.address, io: context.io })
  if (!file.exists) return undefined
  await using client = await openClient(options, { wallet, context, disableDeviceSync: true })
  return client.isRegistered ? client.installationId : undefined
}

/** A client without installation, for what needs no more than its code. Nobody hears of it. */
export async function openVisitor(options: StoredOptions, context: VerbContext): Promise<Client> {
  const wallet = await readWallet(options, context.io)
  const visiting = { ...options, ephemeral: true }
  return openClient(visiting, { wallet, context, disableDeviceSync: true })
}

type Opening = {
  readonly wallet: Wallet
  readonly context: VerbContext
  /** Other installations of the inbox are told nothing. */
  readonly disableDeviceSync?: boolean | undefined
}

async function openClient(
  options: SessionOptions,
  { wallet, context: { io, reporter }, disableDeviceSync }: Opening,
): Promise<Client> {
  return Client.create(wallet.hex, {
    ...networkOf(options),
    ...(await storageOf(options, { wallet, io })),
    appVersion,
    disableAutoRegister: true,
    disableDeviceSync,
    onWarning: ({ code, count, limit }) =>
      reporter.notice(code, `This inbox will have ${count} of at most ${limit} ${counted[code]}.`),
    onRefused: (refusal) => tellRefusal(reporter, refusal),
    onError: troubleTeller(reporter),
  })
}

const counted = {
  'inbox.manyInstallations': 'installations: see `xmtp-ts installations list`',
  'inbox.manyUpdates': 'changes',
} as const

async function storageOf(
  options: SessionOptions,
  { wallet, io }: Pick<Opening, 'wallet'> & Pick<VerbContext, 'io'>,
) {
  if (options.ephemeral === true) return { dbPath: null }
  const file = storeFileOf(options, { address: wallet.address, io })
  return { dbPath: file.path, dbEncryptionKey: await readStoreKey(file, io) }
}

async function makeInstallation(
  client: Client,
  { wallet, reporter }: { readonly wallet: Wallet; readonly reporter: Reporter },
): Promise<void> {
  await reporter.during('Making keys for this device …', client.register())
  const { installations } = await client.preferences.inboxState()
  const which = `installation ${shortId(client.installationId)} of ${wallet.address}`
  const count = installations.length === 1 ? 'its first' : `one of ${installations.length}`
  reporter.notice('installation.made', `This device is now ${which}, ${count}.`)
}

/**
 * What a revoked installation writes, some would still take: it is not what its owner wants. A node that cannot be asked
 * now is waited for by streams, and complained of by the rest.
 */
async function requireMember(client: Client): Promise<void> {
  const state = await ownState(client)
  if (state === undefined || state.installations.some(({ id }) => id === client.installationId))
    return
  throw new XmtpError(
    'cli.installation.revoked',
    `The installation of this device, ${shortId(client.installationId)}, was revoked.`,
  )
}

async function ownState({ preferences }: Client): Promise<InboxState | undefined> {
  try {
    return await preferences.fetchInboxState()
  } catch (error) {
    if (error instanceof XmtpError && error.retry) return undefined
    throw error
  }
}

/** Nobody could use it any more, and an inbox has ten at most. */
async function revokeEphemeral(
  options: SessionOptions,
  { wallet, context: { reporter }, client }: Opening & { readonly client: Client },
): Promise<void> {
  const { inboxId, installationIdBytes, installationId } = client
  try {
    await Client.revokeInstallations(wallet.hex, inboxId, [installationIdBytes], {
      ...networkOf(options),
      appVersion,
    })
    reporter.notice(
      'installation.revoked',
      `Revoked installation ${shortId(installationId)} again.`,
    )
  } catch (error) {
    if (!(error instanceof XmtpError)) throw error
    reporter.notice(
      error.code,
      `Installation ${shortId(installationId)} is left over and was not revoked: ${sentence(error)}`,
    )
  }
}

function tellRefusal(reporter: Reporter, { conversationId, error }: Refusal): void {
  const place =
    conversationId === undefined ? 'a welcome' : `something in ${shortId(conversationId)}`
  reporter.notice(error.code, `Left out ${place}: ${sentence(error)}`)
}

/**
 * What goes wrong in the background is tried again by itself: it is told once as long as it stays the same.
 */
function troubleTeller(reporter: Reporter): (error: unknown) => void {
  let last = ''
  return (error) => {
    const isOurs = error instanceof XmtpError
    const code = isOurs ? error.code : 'internal'
    const text = isOurs ? sentence(error) : String(error)
    if (text === last) return
    last = text
    reporter.notice(code, text)
  }
}
