import type { ClientProcess, Conversation, Message } from '../driver.ts'
import { native } from '../native.ts'
import type { Stream } from '../stream.ts'
import type { Peer, Person, Said } from './peer.ts'

/** A client of libxmtp in a process of its own, so that it can be killed alone. */
export async function openTheirs(options: {
  readonly name: string
  readonly apiUrl: string
  readonly dbPath: string
}): Promise<Person> {
  const { name, apiUrl, dbPath } = options
  let process: ClientProcess = await native.start()
  let client = await process.newClient({ apiUrl, dbPath })
  const { inboxId, privateKey } = client
  const createGroup = async (inboxIds: readonly string[]) => (await client.newGroup(inboxIds)).id
  const inGroup = (groupId: string): Peer => {
    const group = () => client.conversation(groupId)
    const seen = new Set<string>()
    let stream: Stream<Message> | undefined
    const note = () => {
      for (const { id } of stream?.values ?? []) seen.add(id)
    }
    const listen = async () => {
      stream = await client.streamMessages()
    }
    return {
      name,
      inboxId,
      isOurs: false,
      sync: () => client.syncAll(),
      say: async (words) => (await group()).send(words),
      rename: async (text) => (await group()).updateName(text),
      describe: async (text) => (await group()).updateDescription(text),
      add: async (other) => (await group()).addMembers([other]),
      remove: async (other) => (await group()).removeMembers([other]),
      promote: async (other, to) =>
        to === 'admin' ? (await group()).addAdmin(other) : (await group()).addSuperAdmin(other),
      demote: async (other, from) =>
        from === 'admin'
          ? (await group()).removeAdmin(other)
          : (await group()).removeSuperAdmin(other),
      setPolicy: async ({ kind, policy, field }) =>
        (await group()).updatePermission(kind, policy, field),
      leave: async () => (await group()).leave(),
      async restart() {
        await process.kill()
        note()
        process = await native.start()
        client = await process.newClient({ apiUrl, dbPath, privateKey })
        if (stream !== undefined) await listen()
      },
      view: async () => viewOf(await group()),
      startStream: listen,
      streamed() {
        note()
        return stream && seen
      },
      complaints: () => [],
      close: () => process.kill(),
    }
  }
  return { inboxId, createGroup, inGroup }
}

async function viewOf(group: Conversation) {
  const [{ epoch, commits, maybeForked }, { name, description }, { policies }] = await Promise.all([
    group.debugInfo(),
    group.metadata(),
    group.permissions(),
  ])
  return {
    epoch,
    authenticator: commits.findLast(({ result }) => result === 'Success')?.authenticator ?? '',
    isActive: await group.isActive(),
    maybeForked,
    members: (await group.members()).map(({ inboxId }) => inboxId).toSorted(),
    admins: (await group.admins()).toSorted(),
    superAdmins: (await group.superAdmins()).toSorted(),
    name,
    description,
    policies,
    said: (await group.messages()).flatMap(saidIn),
  }
}

function saidIn({ id, content, contentType, senderInboxId, sentAtNs, ...rest }: Message): Said[] {
  const isText = contentType === 'xmtp.org/text:1.0' && typeof content === 'string'
  if (!isText || rest.deliveryStatus !== 'published') return []
  return [{ id, text: content, senderInboxId, sentAtNs }]
}
