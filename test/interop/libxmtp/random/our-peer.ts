import {
  Client,
  DeliveryStatus,
  isText,
  MetadataField,
  PermissionPolicy,
  PermissionUpdateType,
  type DecodedMessage,
  type Group,
} from '@xmtp-ts/client'
import { authenticatorIn } from '../authenticator.ts'
import type { MetadataField as FieldName } from '../driver.ts'
import { nameOf, permissionKinds, permissionPolicies } from '../names.ts'
import type { Peer, Person, PolicyChange, Said, View } from './peer.ts'

export async function openOurs(options: {
  readonly name: string
  readonly apiUrl: string
  readonly dbPath: string
  /** hex */
  readonly privateKey: string
}): Promise<Person> {
  const { name, apiUrl, dbPath, privateKey } = options
  const complaints: string[] = []
  const open = () =>
    Client.create(privateKey, {
      apiUrl,
      dbPath,
      disableDeviceSync: true,
      onRefused: ({ sequenceId, error }) => complaints.push(`at ${sequenceId}: ${error.message}`),
      onError: (error) => complaints.push(`in the background: ${String(error)}`),
    })
  let client = await open()
  const { inboxId } = client
  const createGroup = async (inboxIds: readonly string[]) =>
    (await client.conversations.createGroup(inboxIds)).id
  const inGroup = (groupId: string): Peer => {
    const group = () => groupIn(client, groupId)
    let isStreaming = false
    const seen = new Set<string>()
    const listen = async () => {
      isStreaming = true
      await client.conversations.streamAllMessages({
        resume: 'all',
        onValue: ({ id }) => void seen.add(id),
      })
    }
    return {
      name,
      inboxId,
      isOurs: true,
      sync: async () => void (await client.conversations.syncAll()),
      say: async (words) => (await group()).sendText(words),
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
      setPolicy: async (change) => setPolicy(await group(), change),
      leave: async () => (await group()).requestRemoval(),
      async restart() {
        await client.close()
        client = await open()
        if (isStreaming) await listen()
      },
      view: async () => viewOf(await group(), dbPath),
      startStream: listen,
      streamed: () => (isStreaming ? seen : undefined),
      complaints: () => complaints,
      close: () => client.close(),
    }
  }
  return { inboxId, createGroup, inGroup }
}

async function groupIn(client: Client, id: string): Promise<Group> {
  const found = await client.conversations.getConversationById(id)
  if (found === undefined || !('updateName' in found)) throw new Error('There is no such group.')
  return found
}

const fields: Readonly<Record<FieldName, MetadataField>> = {
  appData: MetadataField.AppData,
  description: MetadataField.Description,
  name: MetadataField.GroupName,
  imageUrl: MetadataField.GroupImageUrlSquare,
  disappearingFrom: MetadataField.MessageExpirationFromNs,
  disappearingIn: MetadataField.MessageExpirationInNs,
}

const updates = Object.values(PermissionUpdateType)
const policies = Object.values(PermissionPolicy)

function setPolicy(group: Group, { kind, policy, field }: PolicyChange): Promise<void> {
  const update = updates[permissionKinds.indexOf(kind)]!
  return group.updatePermission(
    update,
    policies[permissionPolicies.indexOf(policy)]!,
    field && fields[field],
  )
}

async function viewOf(group: Group, dbPath: string): Promise<View> {
  const members = await group.members()
  const { epoch, maybeForked } = await group.debugInfo()
  const set = Object.entries(group.permissions().policySet)
  return {
    epoch,
    authenticator: await authenticatorIn(dbPath, group.id),
    isActive: group.isActive,
    maybeForked,
    members: members.map(({ inboxId }) => inboxId).toSorted(),
    admins: group.listAdmins().toSorted(),
    superAdmins: group.listSuperAdmins().toSorted(),
    name: group.name,
    description: group.description,
    policies: Object.fromEntries(set.map(([key, at]) => [key, nameOf(permissionPolicies, at)])),
    said: (await group.messages()).flatMap(saidIn),
  }
}

function saidIn(message: DecodedMessage): Said[] {
  const { id, content, senderInboxId, sentAtNs, deliveryStatus } = message
  if (!isText(message) || deliveryStatus !== DeliveryStatus.Published) return []
  return [{ id, text: String(content), senderInboxId, sentAtNs }]
}
