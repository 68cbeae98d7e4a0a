import { EncodedContent } from '@xmtp-ts/proto/message_contents/content'
import { Message } from '@xmtp-ts/proto/store/v1/store'
import { epochAuthenticator } from '@xmtp-ts/mls'
import { bytesToHex, utf8 } from '@xmtp-ts/protocol'
import { readGroupContent, withMutableMetadata } from '@xmtp-ts/protocol/group'
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
import { register } from '../src/v3/identity/register.ts'
import { openCore, openNetwork } from '../src/v3/open-core.ts'
import { keys } from '../src/v3/records/keys.ts'
import { decodeRow, scanAll } from '../src/v3/records/rows.ts'
import { contractsOf, toInboxSigner } from '../src/v3/signer.ts'

/** A client without a face: its core, and what it refused. */
export type Person = { core: Core; feed: Feed; refusals: Refusal[]; memory: RecordMemory }

export async function person(
  transport: Transport,
  key: string,
  memory = new RecordMemory(),
): Promise<Person> {
  const store = openMemoryRecords(memory)
  const network = openNetwork({ transport })
  const inboxes = createInboxDirectory({ store, api: network.identity })
  const signer = await toInboxSigner(key, contractsOf(network.identity))
  const { installation } = await register({ ...network, store, inboxes }, signer)
  const refusals: Refusal[] = []
  const parts = {
    network,
    store,
    installation,
    onRefused: (refusal: Refusal) => refusals.push(refusal),
    report: (error: unknown) => {
      throw error
    },
    signal: new AbortController().signal,
  }
  return { ...openCore(parts), refusals, memory }
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
  changeGroup(by.core, id, (group) =>
    planMembers(by.core, group, { add: people.map(({ core }) => core.self.inboxId), remove: [] }),
  )

export const remove = (by: Person, id: string, people: readonly Person[]) =>
  changeGroup(by.core, id, (group) =>
    planMembers(by.core, group, { remove: people.map(({ core }) => core.self.inboxId), add: [] }),
  )

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
