import { EncodedContent } from '@xmtp-ts/proto/message_contents/content'
import { Message } from '@xmtp-ts/proto/store/v1/store'
import { epochAuthenticator } from '@xmtp-ts/mls'
import { bytesToHex, utf8, v3 } from '@xmtp-ts/protocol'
import { readGroupContent, withMutableMetadata } from '@xmtp-ts/protocol/group'
import type { Environment } from '../src/environment.ts'
import { openMemoryRecords, RecordMemory } from '../src/store/memory-records.ts'
import type { Transport } from '../src/transport/transport.ts'
import type { Core, Refusal } from '../src/v3/core.ts'
import type { Feed } from '../src/v3/delivery/feed.ts'
import { changeGroup } from '../src/v3/group/commit.ts'
import { createLocalGroup, firstAttributes, policiesFor } from '../src/v3/group/create.ts'
import { planMembers } from '../src/v3/group/members.ts'
import { sendMessage } from '../src/v3/group/send.ts'
import { syncAll } from '../src/v3/group/sync.ts'
import { createInboxDirectory } from '../src/v3/identity/directory.ts'
import { loadInstallation } from '../src/v3/identity/installation.ts'
import { register } from '../src/v3/identity/register.ts'
import { openCore, openNetwork, type CoreParts } from '../src/v3/open-core.ts'
import { keys } from '../src/v3/records/keys.ts'
import { decodeRow, scanAll } from '../src/v3/records/rows.ts'
import { contractsOf, toInboxSigner } from '../src/v3/signer.ts'

/** A client without a face: its core, and what it refused. */
export type Person = {
  readonly core: Core
  readonly feed: Feed
  readonly refusals: readonly Refusal[]
  readonly memory: RecordMemory
  readonly transport: Transport
  readonly close: () => void
}

export type PersonOptions = Partial<
  Pick<CoreParts, 'protocolVersion' | 'report' | 'syncsDevices'>
> & {
  readonly environment?: Environment
}

/** Registers the account of this private key, or opens it again on what it has stored. */
export async function person(
  transport: Transport,
  key: string,
  memory = new RecordMemory(),
): Promise<Person> {
  const store = openMemoryRecords(memory)
  const network = openNetwork({ transport })
  const inboxes = createInboxDirectory({ store, api: network.identity })
  const signer = await toInboxSigner(key, contractsOf(network.identity))
  await register({ ...network, store, inboxes }, signer)
  return openPerson(transport, memory)
}

/** @param more what is to be otherwise: another version, another clock */
async function openPerson(
  transport: Transport,
  memory: RecordMemory,
  { environment, ...more }: PersonOptions = {},
): Promise<Person> {
  const controller = new AbortController()
  const { signal } = controller
  const store = openMemoryRecords(memory)
  const installation = await loadInstallation(store)
  if (installation === undefined) throw new Error('Nobody is registered in this store.')
  const refusals: Refusal[] = []
  const parts = {
    network: openNetwork({ transport, signal, environment }),
    store,
    installation,
    syncsDevices: false,
    onRefused: (refusal: Refusal) => refusals.push(refusal),
    report: (error: unknown) => {
      throw error
    },
    signal,
    ...more,
  }
  const close = () => controller.abort()
  return { ...openCore(parts), refusals, memory, transport, close }
}

/** The same client after its process has ended and begun again. */
export function reopen(
  { close, transport, memory }: Person,
  more?: PersonOptions,
): Promise<Person> {
  close()
  return openPerson(transport, memory, more)
}

export async function groupOf(creator: Person, others: readonly Person[]): Promise<string> {
  const id = await createLocalGroup(creator.core, {
    type: 'group',
    attributes: firstAttributes({ type: 'group', name: 'A' }),
    policies: policiesFor('group'),
  })
  await add(creator, id, others)
  return id
}

export const add = (by: Person, id: string, people: readonly Person[]) =>
  addInboxes(
    by,
    id,
    people.map(({ core }) => core.self.inboxId),
  )

export const remove = (by: Person, id: string, people: readonly Person[]) =>
  removeInboxes(
    by,
    id,
    people.map(({ core }) => core.self.inboxId),
  )

export const addInboxes = (by: Person, id: string, inboxIds: readonly string[]) =>
  changeGroup(by.core, id, (group) =>
    planMembers(by.core, group, { add: inboxIds.map(v3.parseInboxId), remove: [] }),
  )

export const removeInboxes = (by: Person, id: string, inboxIds: readonly string[]) =>
  changeGroup(by.core, id, (group) =>
    planMembers(by.core, group, { add: [], remove: inboxIds.map(v3.parseInboxId) }),
  )

/** The inboxes of a group as its state has them, sorted. */
export async function membersOf({ core }: Person, id: string): Promise<readonly string[]> {
  const group = await core.groups.turn(id, () => core.groups.load(id))
  if (group === undefined) return []
  return [...readGroupContent(group.mls.context.extensions).membership.members.keys()].toSorted()
}

export const rename = (by: Person, id: string, name: string) =>
  changeGroup(by.core, id, async ({ mls }) => {
    const { mutableMetadata } = readGroupContent(mls.context.extensions)
    const attributes = new Map([...mutableMetadata.attributes, ['group_name', name]])
    const metadata = { ...mutableMetadata, attributes }
    const extensions = withMutableMetadata(mls.context.extensions, metadata)
    return { proposals: [{ kind: 'groupContextExtensions', extensions }], keyPackages: [] }
  })

function text(words: string): Uint8Array {
  return EncodedContent.encode({
    type: { authorityId: 'xmtp.org', typeId: 'text', versionMajor: 1, versionMinor: 0 },
    parameters: { encoding: 'UTF-8' },
    fallback: undefined,
    compression: undefined,
    content: utf8(words),
  }).finish()
}

export const say = (by: Person, id: string, words: string) =>
  sendMessage(by.core, id, { content: text(words), shouldPush: true })

export const sync = (by: Person) => syncAll(by.core, [1, 2])

export async function texts({ core }: Person, id: string): Promise<readonly string[]> {
  await core.confirmed(id)
  const rows = await scanAll(core.store, keys.messages(id))
  return rows
    .map(({ value }) => decodeRow(Message, value))
    .filter(({ contentType }) => contentType === 'xmtp.org/text')
    .map(({ content }) => new TextDecoder().decode(EncodedContent.decode(content).content))
}

export async function epoch({ core }: Person, id: string): Promise<string> {
  const group = await core.groups.turn(id, () => core.groups.load(id))
  return group === undefined ? '' : bytesToHex(epochAuthenticator(group.mls))
}

export const keyOf = (n: number) => n.toString(16).padStart(64, '0')
