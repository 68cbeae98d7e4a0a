// The interface of driver.ts over what node-sdk 6 and browser-sdk 7 have in common.
import { randomBytes } from 'node:crypto'
import { bytesToHex, hexToBytes, type Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { asMap, conversationOf, messageOf, type Dialect } from './conversation.ts'
import type { Client, InboxState, NewClient } from './driver.ts'
import { consentNumber, consentStates, groupOptions, nameOf, tagged } from './names.ts'
import type { Remote, Requests } from './process.ts'

export async function newClient(
  dialect: Dialect,
  { root }: Requests,
  options: NewClient,
): Promise<Client> {
  const privateKey = options.privateKey ?? bytesToHex(randomBytes(32))
  const signer = tagged('signer', { privateKey, contract: options.contract })
  const codecs = options.rawTypes?.map((type) => {
    const [authorityId, typeId] = type.split('/')
    return tagged('codec', { authorityId, typeId })
  })
  const { privateKey: _, contract: __, rawTypes: ___, more, ...plain } = options
  const given = Object.fromEntries(Object.entries(plain).filter(([, value]) => value !== undefined))
  const remote: Remote = await root.call('Client.create', signer, {
    env: 'local',
    dbPath: null,
    disableDeviceSync: true,
    ...dialect.options,
    ...given,
    ...(codecs && { codecs }),
    ...more,
  })
  return clientOf(dialect, remote, { ...options, privateKey })
}

const identifierOf = (address: string) => ({ identifier: address.toLowerCase(), identifierKind: 0 })

const inboxStateOf = (state: any): InboxState => ({
  inboxId: state.inboxId,
  recoveryAccount: state.recoveryIdentifier.identifier,
  accounts: (state.identifiers ?? state.accountIdentifiers).map(
    ({ identifier }: any) => identifier,
  ),
  installationIds: state.installations.map(({ id }: any) => id),
})

const bytesOf = (ids: readonly string[]) => ids.map((id) => hexToBytes(`0x${id}`))

async function clientOf(
  dialect: Dialect,
  remote: Remote,
  { privateKey, contract, historySyncUrl }: NewClient & { readonly privateKey: Hex },
): Promise<Client> {
  const call = remote.call.bind(remote)
  const conversation = async (found: Promise<Remote | null>) => conversationOf(dialect, await found)
  const [inboxId, installationId, libxmtpVersion] = await Promise.all(
    ['inboxId', 'installationId', 'libxmtpVersion'].map((name) => call(name) as Promise<string>),
  )
  const states = (list: readonly (keyof typeof consentNumber)[] | undefined) =>
    list?.map((state) => consentNumber[state])
  return {
    inboxId: inboxId!,
    installationId: installationId!,
    libxmtpVersion: libxmtpVersion!,
    address: (contract?.address ?? privateKeyToAccount(privateKey).address).toLowerCase(),
    privateKey,
    isRegistered: () => call('isRegistered'),
    register: () => call('register'),
    sync: () => call('conversations.sync'),
    syncAll: async (list) => void (await call('conversations.syncAll', ...optional(states(list)))),
    syncPreferences: async () => void (await call('preferences.sync')),
    newDm: (peer, options = {}) =>
      conversation(call('conversations.createDm', peer, groupOptions(options))),
    newDmWithAddress: (address) =>
      conversation(call('conversations.createDmWithIdentifier', identifierOf(address))),
    newGroup: (inboxIds, options = {}) =>
      conversation(call('conversations.createGroup', inboxIds, groupOptions(options))),
    newGroupWithAddresses: (addresses, options = {}) =>
      conversation(
        call(
          'conversations.createGroupWithIdentifiers',
          addresses.map(identifierOf),
          groupOptions(options),
        ),
      ),
    newGroupOptimistic: (options = {}) =>
      conversation(call('conversations.createGroupOptimistic', groupOptions(options))),
    conversation: (id) => conversation(call('conversations.getConversationById', id)),
    dmWith: (peer) => conversation(call('conversations.getDmByInboxId', peer)),
    list: async (options) => {
      const found: Remote[] = await call('conversations.list', ...optional(options))
      return found.map((it) => conversationOf(dialect, it))
    },
    message: async (id) => {
      const found = await call('conversations.getMessageById', id)
      return found === null ? undefined : messageOf(found)
    },
    ...streamsOf(dialect, remote),
    canMessage: async (addresses) => {
      const can = await call('canMessage', addresses.map(identifierOf))
      return addresses.map((address) => can.get(address.toLowerCase()))
    },
    inboxIdOf: async (address) =>
      (await call('fetchInboxIdByIdentifier', identifierOf(address))) ?? undefined,
    inboxState: async () => inboxStateOf(await call('preferences.fetchInboxState')),
    inboxStates: async (ids) => (await call('preferences.fetchInboxStates', ids)).map(inboxStateOf),
    addAccount: (key) => call('unsafe_addAccount', tagged('signer', { privateKey: key }), true),
    removeAccount: (address) => call('removeAccount', identifierOf(address)),
    changeRecovery: (address) => call('changeRecoveryIdentifier', identifierOf(address)),
    revokeInstallations: (ids) => call('revokeInstallations', bytesOf(ids)),
    revokeAllOtherInstallations: () => call('revokeAllOtherInstallations'),
    setConsent: (kind, entity, state) =>
      call('preferences.setConsentStates', [
        { entityType: entityTypes[kind], entity, state: consentNumber[state] },
      ]),
    consent: async (kind, entity) =>
      nameOf(consentStates, await call('preferences.getConsentState', entityTypes[kind], entity)),
    hmacKeys: async () => asMap(await call('conversations.hmacKeys')),
    keyPackageStatuses: async (ids) => asMap(await call('fetchKeyPackageStatuses', ids)),
    ...deviceSyncOf(remote, historySyncUrl ?? null),
    statistics: async () => ({
      ...(await call('debugInformation.apiStatistics')),
      ...(await call('debugInformation.apiIdentityStatistics')),
    }),
    close: () => call('close'),
    call,
  }
}

const entityTypes = { conversation: 0, inbox: 1 } as const

/** An option that is absent is not an argument. */
const optional = <T>(value: T | undefined): readonly T[] => (value === undefined ? [] : [value])

function streamsOf(dialect: Dialect, remote: Remote) {
  const raw = (value: unknown): unknown => value
  return {
    streamConversations: (options) =>
      remote.stream('conversations.stream', (it: Remote) => conversationOf(dialect, it), options),
    streamMessages: ({ consentStates: list, ...options } = {}) =>
      remote.stream('conversations.streamAllMessages', messageOf, {
        ...options,
        ...(list && { consentStates: list.map((state) => consentNumber[state]) }),
      }),
    streamConsent: (options) => remote.stream('preferences.streamConsent', raw, options),
    streamPreferences: (options) => remote.stream('preferences.streamPreferences', raw, options),
    streamDeletedMessages: (options) =>
      remote.stream('conversations.streamDeletedMessages', messageOf, options),
  } satisfies Partial<Client>
}

function deviceSyncOf(remote: Remote, server: string | null) {
  const call = remote.call.bind(remote)
  return {
    sendSyncRequest: () => call('sendSyncRequest', null, server),
    sendSyncArchive: (pin: string) => call('sendSyncArchive', pin, null, server),
    processSyncArchive: (pin?: string) => call('processSyncArchive', ...optional(pin)),
    availableArchives: async (daysCutoff = 7) =>
      (await call('listAvailableArchives', daysCutoff)).map(({ pin }: any) => pin),
    syncDeviceSyncGroups: async () => void (await call('syncAllDeviceSyncGroups')),
  } satisfies Partial<Client>
}
