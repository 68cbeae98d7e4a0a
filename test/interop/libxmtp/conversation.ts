import type { Conversation, DebugInfo, LocalCommit, Member, Message } from './driver.ts'
import {
  consentNumber,
  consentStates,
  deliveryStatuses,
  messageKinds,
  metadataFields,
  nameOf,
  permissionKinds,
  permissionLevels,
  permissionPolicies,
  permissionSets,
} from './names.ts'
import type { Remote } from './process.ts'

/** What differs between the SDKs. */
export type Dialect = {
  /** The argument after what is sent that makes it optimistic. */
  readonly optimistic: unknown
  /** For every client. */
  readonly options: object
}

export function messageOf(message: any): Message {
  const { authorityId, typeId, versionMajor, versionMinor } = message.contentType ?? {}
  return {
    id: message.id,
    conversationId: message.conversationId,
    senderInboxId: message.senderInboxId,
    kind: nameOf(messageKinds, message.kind),
    contentType:
      typeId === undefined ? undefined : `${authorityId}/${typeId}:${versionMajor}.${versionMinor}`,
    content: message.content,
    fallback: message.fallback,
    sentAtNs: message.sentAtNs,
    expiresAtNs: message.expiresAtNs,
    deliveryStatus: nameOf(deliveryStatuses, message.deliveryStatus),
    numReplies: Number(message.numReplies),
    reactions: message.reactions.map(messageOf),
  }
}

const memberOf = (member: any): Member => ({
  inboxId: member.inboxId,
  installationIds: member.installationIds,
  permissionLevel: nameOf(permissionLevels, member.permissionLevel),
  consentState: nameOf(consentStates, member.consentState),
  accounts: member.accountIdentifiers.map(({ identifier }: any) => identifier),
})

const debugInfoOf = (info: any): DebugInfo => ({
  epoch: info.epoch,
  maybeForked: info.maybeForked,
  forkDetails: info.forkDetails,
  isCommitLogForked: info.isCommitLogForked ?? undefined,
  commits: commitsIn(info.localCommitLog),
  remoteCommitLog: info.remoteCommitLog,
  cursors: info.cursor.map(({ originatorId, sequenceId }: any) => ({
    originatorId,
    sequenceId: Number(sequenceId),
  })),
})

/** Reads `[LocalCommitLog { rowid: 1, group_id "8b577f..", commit_sequence_id: 0, … }, …]`. */
export function commitsIn(print: string): readonly LocalCommit[] {
  return print
    .split('LocalCommitLog {')
    .slice(1)
    .map((entry) => {
      const field = (name: string, value: string) =>
        new RegExp(`${name}: (?:Some\\()?${value}`).exec(entry)?.[1]
      return {
        sequenceId: Number(field('commit_sequence_id', '(\\d+)')),
        result: field('commit_result', '(\\w+)') ?? entry,
        error: field('error_message', '"((?:[^"\\\\]|\\\\.)*)"'),
        type: field('commit_type', '"(\\w+)"'),
        epoch: Number(field('applied_epoch_number', '(\\d+)')),
        authenticator: field('applied_epoch_authenticator', '"([0-9a-f]*)') ?? '',
      }
    })
}

/** The native SDK gives records where the browser's gives maps. */
export const asMap = (value: any): ReadonlyMap<string, any> =>
  value instanceof Map ? value : new Map(Object.entries(value))

export function conversationOf(dialect: Dialect, remote: Remote | null): Conversation {
  if (remote === null) throw new Error('There is no such conversation.')
  const call = remote.call.bind(remote)
  return {
    id: remote.id!,
    kind: remote.kind!,
    sync: async () => void (await call('sync')),
    send: (text) => call('sendText', text),
    sendOptimistic: (text) => call('sendText', text, dialect.optimistic),
    sendAs: (type, ...value) => call(`send${type}`, ...value),
    sendContent: (content, options = { shouldPush: true }) => call('send', content, options),
    publish: () => call('publishMessages'),
    messages: async (options = {}) => (await call('messages', options)).map(messageOf),
    texts: async () => {
      const contents: unknown[] = (await call('messages')).map(({ content }: any) => content)
      return contents.filter((content) => typeof content === 'string')
    },
    stream: (options) => remote.stream('stream', messageOf, options),
    members: async () => (await call('members')).map(memberOf),
    addMembers: (inboxIds) => call('addMembers', inboxIds),
    removeMembers: (inboxIds) => call('removeMembers', inboxIds),
    leave: () => call('requestRemoval'),
    isPendingRemoval: () => call('isPendingRemoval'),
    isActive: () => call('isActive'),
    addedByInboxId: () => call('addedByInboxId'),
    createdAtNs: () => call('createdAtNs'),
    pausedForVersion: async () => (await call('pausedForVersion')) ?? undefined,
    peerInboxId: () => call('peerInboxId'),
    duplicateDms: async () =>
      (await call('duplicateDms')).map((it: Remote) => conversationOf(dialect, it)),
    ...settingsOf(remote),
    ...rightsOf(remote),
    consent: async () => nameOf(consentStates, await call('consentState')),
    setConsent: (state) => call('updateConsentState', consentNumber[state]),
    debugInfo: async () => debugInfoOf(await call('debugInfo')),
    hmacKeys: async () => asMap(await call('hmacKeys')),
    call,
  }
}

function settingsOf(remote: Remote) {
  const call = remote.call.bind(remote)
  return {
    metadata: async () => {
      const names = ['name', 'description', 'imageUrl', 'appData'] as const
      const values = await Promise.all(names.map((name) => call(name)))
      return { name: values[0], description: values[1], imageUrl: values[2], appData: values[3] }
    },
    creatorInboxId: async () => (await call('metadata')).creatorInboxId,
    updateName: (name: string) => call('updateName', name),
    updateDescription: (description: string) => call('updateDescription', description),
    updateImageUrl: (imageUrl: string) => call('updateImageUrl', imageUrl),
    updateAppData: (appData: string) => call('updateAppData', appData),
    disappearing: async () => (await call('messageDisappearingSettings')) ?? undefined,
    updateDisappearing: (fromNs: bigint, inNs: bigint) =>
      call('updateMessageDisappearingSettings', fromNs, inNs),
    removeDisappearing: () => call('removeMessageDisappearingSettings'),
  } satisfies Partial<Conversation>
}

function rightsOf(remote: Remote) {
  const call = remote.call.bind(remote)
  return {
    admins: () => call('listAdmins'),
    superAdmins: () => call('listSuperAdmins'),
    addAdmin: (inboxId: string) => call('addAdmin', inboxId),
    removeAdmin: (inboxId: string) => call('removeAdmin', inboxId),
    addSuperAdmin: (inboxId: string) => call('addSuperAdmin', inboxId),
    removeSuperAdmin: (inboxId: string) => call('removeSuperAdmin', inboxId),
    permissions: async () => {
      const { policyType, policySet } = await call('permissions')
      const policies = Object.entries(policySet).map(([name, policy]) => [
        name,
        nameOf(permissionPolicies, policy as number),
      ])
      return { kind: nameOf(permissionSets, policyType), policies: Object.fromEntries(policies) }
    },
    updatePermission: (kind, policy, field) =>
      call(
        'updatePermission',
        permissionKinds.indexOf(kind),
        permissionPolicies.indexOf(policy),
        ...(field === undefined ? [] : [metadataFields.indexOf(field)]),
      ),
  } satisfies Partial<Conversation>
}
