import type {
  Client,
  ClientKind,
  ClientProcess,
  Conversation,
  LocalCommit,
  Message,
  MetadataField,
  PermissionKind,
  PermissionPolicy,
} from '../driver.ts'
import { native } from '../native.ts'
import { ours, type OurProcess } from '../ours.ts'
import type { Stream } from '../stream.ts'

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
  /** What became of the commits that this client read, oldest first. */
  readonly commits: readonly LocalCommit[]
  /** Inbox ids, sorted. */
  readonly members: readonly string[]
  readonly admins: readonly string[]
  readonly superAdmins: readonly string[]
  readonly metadata: { readonly name: string; readonly description: string }
  readonly policies: Readonly<Record<string, string>>
  /** Published texts, oldest first. */
  readonly said: readonly Said[]
}

export type PolicyChange = {
  readonly kind: PermissionKind
  readonly policy: PermissionPolicy
  readonly field?: MetadataField
}

/** A client of ours or of libxmtp in a process of its own, so that it can be killed alone. */
export type Peer = {
  readonly name: string
  readonly inboxId: string
  readonly isOurs: boolean
  client(): Client
  group(id: string): Promise<Conversation>
  view(groupId: string): Promise<View>
  /** Ends the client, in the middle of whatever it does, and opens it again on its store. */
  restart(): Promise<void>
  /** Streams all messages from now on, after restarts too. */
  startStream(): Promise<void>
  /** Ids of what the stream brought, each once; undefined if there is no stream. */
  streamed(): ReadonlySet<string> | undefined
  /** What a client of ours refused, or what failed in the background. */
  complaints(): readonly string[]
  close(): Promise<void>
}

type Opening = { readonly name: string; readonly apiUrl: string; readonly dbPath: string }

export async function openOurs(options: Opening): Promise<Peer> {
  const started: OurProcess[] = []
  const start = async () => {
    const process = await ours.start()
    started.push(process)
    return process
  }
  const complaints = () => [
    ...started.flatMap(({ refusals }) => refusals.map(({ error }) => error.message)),
    ...started.flatMap(({ failures }) => failures.map(String)),
  ]
  return { ...(await openPeer(start, options)), isOurs: true, complaints }
}

export async function openTheirs(options: Opening): Promise<Peer> {
  return openPeer(native.start, options)
}

async function openPeer(
  start: ClientKind['start'],
  { name, apiUrl, dbPath }: Opening,
): Promise<Peer> {
  let process: ClientProcess = await start()
  let client = await process.newClient({ apiUrl, dbPath })
  const { inboxId, privateKey } = client
  const seen = new Set<string>()
  let stream: Stream<Message> | undefined
  const note = () => {
    for (const { id } of stream?.values ?? []) seen.add(id)
  }
  const startStream = async () => {
    stream = await client.streamMessages({ resume: 'all' })
  }
  return {
    name,
    inboxId,
    isOurs: false,
    client: () => client,
    group: (id) => client.conversation(id),
    view: async (groupId) => viewOf(await client.conversation(groupId)),
    async restart() {
      await process.kill()
      note()
      process = await start()
      client = await process.newClient({ apiUrl, dbPath, privateKey })
      if (stream !== undefined) await startStream()
    },
    startStream,
    streamed() {
      note()
      return stream && seen
    },
    complaints: () => [],
    close: () => process.kill(),
  }
}

async function viewOf(group: Conversation): Promise<View> {
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
    commits,
    members: (await group.members()).map(({ inboxId }) => inboxId).toSorted(),
    admins: (await group.admins()).toSorted(),
    superAdmins: (await group.superAdmins()).toSorted(),
    metadata: { name, description },
    policies,
    said: (await group.messages()).flatMap(saidIn),
  }
}

function saidIn({ id, content, contentType, senderInboxId, sentAtNs, ...rest }: Message): Said[] {
  const isText = contentType === 'xmtp.org/text:1.0' && typeof content === 'string'
  if (!isText || rest.deliveryStatus !== 'published') return []
  return [{ id, text: content, senderInboxId, sentAtNs }]
}
