import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import type { Client, ClientProcess, Conversation, Message, NewClient } from './driver.ts'
import { native } from './native.ts'
import { startNode, type LocalNode } from './node.ts'
import { ours, type OurProcess } from './ours.ts'

/** Each test runs twice: what the first side does and the other one sees, ours and libxmtp in either place. */
export const sides = [
  { name: 'ours and libxmtp', one: 'ours', other: 'theirs' },
  { name: 'libxmtp and ours', one: 'theirs', other: 'ours' },
] as const

export type Side = (typeof sides)[number]['one']

/** A node, our client and libxmtp in a process each; at the end nothing may have been refused or have failed with us. */
export function meeting(parts: Parameters<typeof startNode>[1] = {}) {
  let node: LocalNode
  let processes: { readonly ours: OurProcess; readonly theirs: ClientProcess }
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xmtp-ts-meeting-'))
    const [opened, our, their] = await Promise.all([
      startNode(join(folder, 'node.db'), parts),
      ours.start(),
      native.start(),
    ])
    node = opened
    processes = { ours: our, theirs: their }
  }, 60_000)

  afterAll(async () => {
    await Promise.all([processes.ours.kill(), processes.theirs.kill()])
    await node[Symbol.asyncDispose]()
    await rm(folder, { recursive: true })
    expect(processes.ours.refusals).toEqual([])
    expect(processes.ours.failures).toEqual([])
  })

  return {
    node: () => node,
    process: (side: Side): ClientProcess => processes[side],
    refusals: () => processes.ours.refusals as unknown[],
    open: (side: Side, options: NewClient = {}): Promise<Client> =>
      processes[side].newClient({ apiUrl: node.url, ...options }),
    file: (name: string) => join(folder, name),
  }
}

/** The same conversation on another side, up to date. */
export async function seenBy(client: Client, { id }: Conversation): Promise<Conversation> {
  await client.syncAll()
  return client.conversation(id)
}

/** Everybody has the same: epoch and its authenticator, people and their rights, settings, messages and their order. */
export async function agree(...views: readonly Conversation[]): Promise<void> {
  await agreeOnState(...views)
  const [first, ...others] = await Promise.all(views.map(messagesOf))
  for (const other of others) expect(other).toEqual(first)
}

/** The same for who came later and has not read everything. */
export async function agreeOnState(...views: readonly Conversation[]): Promise<void> {
  // Who is behind reads what the others have done, also by reading.
  for (const view of [...views, ...views]) await view.sync()
  const [first, ...others] = await Promise.all(views.map(stateOf))
  for (const other of others) expect(other).toEqual(first)
}

async function messagesOf(view: Conversation) {
  const messages = await view.messages()
  return {
    said: messages.filter(({ kind }) => kind === 'application').map(shown),
    changes: messages
      .filter(({ kind, content }) => kind === 'membershipChange' && !isArrival(content))
      .map(({ content, senderInboxId, sentAtNs }) => {
        return { change: inOrder(content), senderInboxId, sentAtNs }
      }),
  }
}

/** The people of a change are in the order of a hash map. */
function inOrder(content: unknown): unknown {
  type Lists = Readonly<Record<string, string | readonly { readonly inboxId?: string }[]>>
  const lists = Object.entries(content as Lists).map(([name, list]) => [
    name,
    typeof list === 'string'
      ? list
      : list.toSorted((a, b) => ((a.inboxId ?? '') < (b.inboxId ?? '') ? -1 : 1)),
  ])
  return Object.fromEntries(lists)
}

async function stateOf(view: Conversation) {
  const { epoch, commits, maybeForked } = await view.debugInfo()
  expect(maybeForked).toBe(false)
  return {
    epoch,
    authenticator: commits.findLast(({ result }) => result === 'Success')?.authenticator,
    members: (await view.members())
      .map(({ inboxId, permissionLevel, installationIds, accounts }) => ({
        inboxId,
        permissionLevel,
        installationIds: installationIds.toSorted(),
        accounts: accounts.toSorted(),
      }))
      .toSorted((a, b) => (a.inboxId < b.inboxId ? -1 : 1)),
    ...(view.kind === 'group' && (await groupPictureOf(view))),
    disappearing: await disappearingOf(view),
  }
}

/** libxmtp shows what is switched off as zeros, ours not at all. */
async function disappearingOf(view: Conversation) {
  const settings = await view.disappearing()
  return settings?.inNs === 0n ? undefined : settings
}

async function groupPictureOf(view: Conversation) {
  return {
    metadata: await view.metadata(),
    permissions: await view.permissions(),
    admins: (await view.admins()).toSorted(),
    superAdmins: (await view.superAdmins()).toSorted(),
    creator: await view.creatorInboxId(),
  }
}

/** Everybody has an own record of how they came in. */
function isArrival(content: unknown): boolean {
  return (content as { addedInboxes: readonly unknown[] }).addedInboxes.length > 0
}

/** All of a message but what each client notes for itself. */
function shown({ expiresAtNs, content, ...message }: Message): unknown {
  return {
    ...message,
    content: isReply(content) ? { ...content, inReplyTo: content.inReplyTo?.id } : content,
    expires: expiresAtNs !== undefined,
    reactions: message.reactions.map(shown),
  }
}

type Reply = { readonly inReplyTo: { readonly id: string } | null }

function isReply(content: unknown): content is Reply {
  return typeof content === 'object' && content !== null && 'inReplyTo' in content
}
