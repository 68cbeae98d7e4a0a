import { bytesToHex } from '@xmtp-ts/protocol'
import { orderedSegment } from '../../store/record-store.ts'

/**
 * Where each record lies. Every segment is ASCII; ids are hex; `#` segments are numbers in order. What belongs to one group
 * is guarded by its revision: whoever writes there expects the revision that it read, and writes the next one.
 */
export const keys = {
  self: 'self/installation',
  welcomeCursor: 'self/welcome-cursor',
  /** Which welcomes are to be read again. */
  welcomeDoubt: 'self/welcome-doubt',
  /** When the key package is to be replaced, Unix nanoseconds. */
  rotation: 'self/rotation',

  keyPackages: 'key-package/',
  keyPackage: (initKey: Uint8Array) => `key-package/${bytesToHex(initKey)}`,

  conversations: 'conversation/',
  conversation: (groupId: string) => `conversation/${groupId}`,
  progress: (groupId: string) => `progress/${groupId}`,
  allProgress: 'progress/',
  revision: (groupId: string) => `revision/${groupId}`,
  mlsRecords: (groupId: string) => `mls/${groupId}/`,
  allPendingCommits: 'pending-commit/',
  pendingCommit: (groupId: string) => `pending-commit/${groupId}`,
  pendingMlsRecords: (groupId: string) => `pending-mls/${groupId}/`,
  allPendingMessages: 'pending-message/',
  pendingMessages: (groupId: string) => `pending-message/${groupId}/`,
  owedWelcomes: 'owed-welcome/',
  owedWelcomesOf: (groupId: string) => `owed-welcome/${groupId}/`,

  /** Welcome pointers whose welcome has not come yet, by their ids. */
  lateWelcomes: 'late-welcome/',
  lateWelcome: (id: bigint) => `late-welcome/${orderedSegment(id)}`,

  /** Commits in the order in which this client met them. */
  localCommits: (groupId: string) => `local-commit/${groupId}/`,
  /** Commits as the group's commit log has them, by their places there. */
  remoteCommits: (groupId: string) => `remote-commit/${groupId}/`,
  remoteCommit: (groupId: string, place: bigint) =>
    `remote-commit/${groupId}/${orderedSegment(place)}`,
  commitLog: (groupId: string) => `commit-log/${groupId}`,
  /** Installations, in hex, that asked to be let into a group again: the newest commit that they knew of. */
  readdsAsked: 'readd-asked/',
  readdAsked: (groupId: string, installation: string) => `readd-asked/${groupId}/${installation}`,
  /** The commit that let them in again. */
  readdAnswered: (groupId: string, installation: string) =>
    `readd-answered/${groupId}/${installation}`,

  messages: (groupId: string) => `message/${groupId}/`,
  message: (groupId: string, sentAtNs: bigint, id: string) =>
    `message/${groupId}/${orderedSegment(sentAtNs)}/${id}`,
  messagesFrom: (groupId: string, sentAtNs: bigint) =>
    `message/${groupId}/${orderedSegment(sentAtNs)}/`,
  /** The key of a message's record. */
  messageKey: (id: string) => `message-key/${id}`,
  /** Messages by what they are about. */
  references: (groupId: string) => `reference/${groupId}/`,
  referencesTo: (groupId: string, aboutId: string) => `reference/${groupId}/${aboutId}/`,
  reference: (groupId: string, aboutId: string, id: string) =>
    `reference/${groupId}/${aboutId}/${id}`,

  /** Messages in the order in which this client came to know them. */
  delivered: 'delivered/',
  /** How far the named readers of a log have come: the number of the first entry that they have not done with. */
  readersOf: (log: string) => `reader/${log}`,
  /** @param name hex */
  reader: (log: string, name: string) => `reader/${log}${name}`,

  /** Ids of groups in the order in which they came. */
  arrived: 'arrived/',
  /** Who asked for a message to be deleted; its value says whether as a super admin. */
  deletion: (groupId: string, messageId: string, byInboxId: string) =>
    `deletion/${groupId}/${messageId}/${byInboxId}`,
  deletionsOf: (groupId: string, messageId: string) => `deletion/${groupId}/${messageId}/`,
  /** Messages, without their content, in the order in which they were deleted. */
  deleted: 'deleted/',
  /** All duplicates of one direct message. */
  directs: (directId: string) => `direct/${directId}/`,
  direct: (directId: string, groupId: string) => `direct/${directId}/${groupId}`,

  inboxHead: (inboxId: string) => `inbox-head/${inboxId}`,
  inboxStates: (inboxId: string) => `inbox-state/${inboxId}/`,
  inboxState: (inboxId: string, sequenceId: bigint) =>
    `inbox-state/${inboxId}/${orderedSegment(sequenceId)}`,

  /** Changes of consent and of the hmac key in their order: device_sync PreferenceUpdates. */
  preferences: 'preference/',
  consents: 'consent/',
  consentsOf: (kind: 'conversation' | 'inbox') => `consent/${kind}/`,
  consent: (kind: 'conversation' | 'inbox', entity: string) => `consent/${kind}/${entity}`,

  /** What this user decided here and other installations have not been told: PreferenceUpdates. */
  outgoingPreferences: 'outgoing-preference/',
  outgoingConsent: (kind: 'conversation' | 'inbox', entity: string) =>
    `outgoing-preference/consent/${kind}/${entity}`,
  outgoingHmacKey: 'outgoing-preference/hmac',
  /** What there is to do for other installations of the inbox, by the message or group that asks for it. */
  syncTasks: 'sync-task/',
  syncTask: (kind: 'request' | 'reply' | 'installation', id: string) => `sync-task/${kind}/${id}`,

  expiries: 'expiry/',
  expiry: (atNs: bigint, messageId: string) => `expiry/${orderedSegment(atNs)}/${messageId}`,
} as const
