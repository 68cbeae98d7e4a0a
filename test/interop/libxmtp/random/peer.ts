import type { MetadataField, PermissionKind, PermissionPolicy } from '../driver.ts'

export type Said = {
  readonly id: string
  readonly text: string
  readonly senderInboxId: string
  readonly sentAtNs: bigint
}

/** The group as one client has it. */
export type View = {
  readonly epoch: bigint
  /** The first three bytes of the epoch authenticator, hex: libxmtp shows no more. */
  readonly authenticator: string
  readonly isActive: boolean
  readonly maybeForked: boolean
  /** Inbox ids, sorted. */
  readonly members: readonly string[]
  readonly admins: readonly string[]
  readonly superAdmins: readonly string[]
  readonly name: string
  readonly description: string
  readonly policies: Readonly<Record<string, string>>
  /** Published texts, oldest first. */
  readonly said: readonly Said[]
}

export type PolicyChange = {
  readonly kind: PermissionKind
  readonly policy: PermissionPolicy
  readonly field?: MetadataField
}

/** A client of ours or of libxmtp, as a member of one group. */
export type Peer = {
  readonly name: string
  readonly inboxId: string
  readonly isOurs: boolean
  /** Reads what is there; the group must be among it the first time. */
  sync(): Promise<void>
  /** @returns id of the message */
  say(words: string): Promise<string>
  rename(name: string): Promise<void>
  describe(text: string): Promise<void>
  add(inboxId: string): Promise<void>
  remove(inboxId: string): Promise<void>
  promote(inboxId: string, to: 'admin' | 'superAdmin'): Promise<void>
  demote(inboxId: string, from: 'admin' | 'superAdmin'): Promise<void>
  setPolicy(change: PolicyChange): Promise<void>
  leave(): Promise<void>
  /** Ends the client, in the middle of whatever it does, and opens it again on its store. */
  restart(): Promise<void>
  view(): Promise<View>
  /** Streams all messages from now on, after restarts too. */
  startStream(): Promise<void>
  /** Ids of what the stream brought, each once; undefined if there is no stream. */
  streamed(): ReadonlySet<string> | undefined
  /** What it refused, or reported from the background. */
  complaints(): readonly string[]
  close(): Promise<void>
}

/** Somebody who has a client, before there is a group. */
export type Person = {
  readonly inboxId: string
  /** @returns its id */
  createGroup(inboxIds: readonly string[]): Promise<string>
  inGroup(groupId: string): Peer
}
