import { readFileSync } from 'node:fs'
import {
  GetIdentityUpdatesRequest,
  GetIdentityUpdatesResponse,
} from '@xmtp-ts/proto/identity/api/v1/identity'
import { IdentityUpdate } from '@xmtp-ts/proto/identity/associations/association'
import {
  GetNewestGroupMessageRequest,
  GetNewestGroupMessageResponse,
  GroupMessage,
  QueryGroupMessagesRequest,
  QueryGroupMessagesResponse,
  QueryWelcomeMessagesRequest,
  QueryWelcomeMessagesResponse,
  SubscribeGroupMessagesRequest,
  SubscribeWelcomeMessagesRequest,
  UploadKeyPackageRequest,
  WelcomeMessage,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import { KeyPackage as KeyPackageRow, Self as SelfRow } from '@xmtp-ts/proto/store/v1/store'
import { bytesToHex } from '@xmtp-ts/protocol'
import { readKeyPackage } from '@xmtp-ts/protocol/group'
import type { RecordStore, StoredRecord } from '../src/store/record-store.ts'
import { keys } from '../src/v3/records/keys.ts'
import { encodeNumber, encodeRow } from '../src/v3/records/rows.ts'
import type { MemoryEndpoint } from '../src/transport/memory.ts'

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))
const here = (path: string) => new URL(path, import.meta.url)
const read = <T>(path: string) => JSON.parse(readFileSync(here(path), 'utf8')) as T

type Sealed = {
  readonly topicKey: string
  readonly hpkePublicKey: string
  readonly wrapperAlgorithm: number
  readonly data: string
  readonly welcomeMetadata?: string
}

export type CapturedInstallation = {
  readonly name: string
  readonly installationId: string
  readonly signaturePrivateKey: string
  readonly keyPackages: readonly {
    readonly initPrivateKey: string
    readonly leafEncryptionPrivateKey: string
    readonly postQuantumPrivateKey?: string
    readonly postQuantumPublicKey?: string
  }[]
  readonly storedMessages: readonly {
    readonly envelopeId: number | string
    readonly encodedContent: string
  }[]
  readonly commitLog: readonly {
    readonly groupId: string
    readonly envelopeId: number | string
    readonly kind?: string
    readonly result: string
    readonly epochAfter: number
    readonly epochAuthenticatorAfter: string
  }[]
}

type MlsCapture = {
  readonly installations: readonly CapturedInstallation[]
  readonly keyPackages: readonly { readonly installationId: string; readonly bytes: string }[]
  readonly welcomes: readonly Sealed[]
  readonly pointers: readonly Sealed[]
  readonly messages: readonly { readonly groupId: string; readonly data: string }[]
}

type Place = { readonly id: string; readonly createdNs: string; readonly isCommit?: boolean }

/** What libxmtp made of a conversation, as the SDK showed it at the end. */
export type CapturedView = {
  readonly client: string
  readonly epoch: string
  readonly isActive: boolean
  readonly name?: string
  readonly description?: string
  readonly imageUrl?: string
  readonly appData?: string
  readonly admins?: readonly string[]
  readonly superAdmins?: readonly string[]
  readonly permissions?: { readonly policyType: number; readonly policySet: object }
  readonly metadata: { readonly creatorInboxId: string; readonly conversationType: number }
  readonly members: readonly {
    readonly inboxId: string
    readonly installationIds: readonly string[]
    readonly permissionLevel: number
  }[]
}

/** Places and times of what `packages/mls/test/vectors` holds, and what became of it. */
type Replay = {
  readonly capture: string
  readonly messages: readonly Place[]
  readonly welcomes: readonly Place[]
  readonly pointers: readonly Place[]
  readonly order: readonly ('message' | 'welcome' | 'pointer')[]
  readonly installations: readonly {
    readonly name: string
    readonly stored: readonly {
      readonly groupId: string
      readonly id: string
      readonly envelopeId: number | string
      readonly kind: string
      readonly senderInboxId: string
      readonly sentAtNs: string
    }[]
    readonly groups: readonly {
      readonly groupId: string
      readonly membershipState: number
      readonly conversationType: number
      readonly addedByInboxId: string
    }[]
  }[]
  readonly views: readonly CapturedView[]
}

type IdentityCapture = {
  readonly capture: string
  readonly wallets: readonly { readonly name: string; readonly address: string }[]
  readonly installations: readonly { readonly name: string; readonly inboxId: string }[]
  readonly timeline: readonly {
    readonly t: string
    readonly inboxId?: string
    readonly sequenceId?: number
    readonly bytes?: string
  }[]
}

const replays = read<Replay[]>('../../../test/vectors/v3/replays.json')
const identities = read<IdentityCapture[]>('../../../test/vectors/v3/identity-logs.json')

export type Scenario = {
  readonly mls: MlsCapture
  readonly replay: Replay
  readonly identity: IdentityCapture
}

export function scenario(name: string): Scenario {
  const replay = replays.find(({ capture }) => capture === name)
  const identity = identities.find(({ capture }) => capture === name)
  if (replay === undefined || identity === undefined) throw new Error(`No capture ${name}.`)
  return {
    mls: read<MlsCapture>(`../../mls/test/vectors/xmtp-${name}.json`),
    replay,
    identity,
  }
}

/** Makes a store the one of a captured installation: its keys, and nothing that it has read. */
export async function takeOver(
  store: RecordStore,
  { mls, identity }: Scenario,
  name: string,
): Promise<void> {
  const installation = mls.installations.find((one) => one.name === name)
  const inboxId = identity.installations.find((one) => one.name === name)?.inboxId
  if (installation === undefined || inboxId === undefined) throw new Error(`No client ${name}.`)
  const put: StoredRecord[] = [
    {
      key: keys.self,
      value: encodeRow(SelfRow, {
        inboxId,
        identifier: addressOf(inboxId),
        identifierKind: 'ethereum',
        signingKey: bytes(installation.signaturePrivateKey),
        hmacRootKey: new Uint8Array(42),
        hmacCycledAtNs: 0n,
        registered: true,
      }),
    },
    // Nothing is to be replaced while the capture is replayed.
    { key: keys.rotation, value: encodeNumber(2n ** 63n) },
  ]
  const published = await Promise.all(
    mls.keyPackages
      .filter(({ installationId }) => installationId === installation.installationId)
      .map(({ bytes: text }) =>
        readKeyPackage(bytes(text), undefined).then((one) => ({ ...one, text })),
      ),
  )
  for (const [index, own] of installation.keyPackages.entries()) {
    const found = published.find(({ wrapper }) =>
      own.postQuantumPublicKey === undefined
        ? true
        : wrapper?.algorithm === 'xWing' &&
          bytesToHex(wrapper.publicKey) === own.postQuantumPublicKey,
    )
    if (found === undefined) throw new Error(`${name} has a key package ${index} that nobody saw.`)
    const row: KeyPackageRow = {
      keyPackage: bytes(found.text),
      initPrivateKey: bytes(own.initPrivateKey),
      leafPrivateKey: bytes(own.leafEncryptionPrivateKey),
      wrapperPublicKey: bytes(own.postQuantumPublicKey ?? ''),
      wrapperSeed: bytes(own.postQuantumPrivateKey ?? ''),
      uploadedAtNs: 0n,
      deleteAtNs: 0n,
    }
    put.push({
      key: keys.keyPackage(found.keyPackage.initKey),
      value: encodeRow(KeyPackageRow, row),
    })
  }
  await store.write({ put })
}

/** Any account: the store says that it is registered, and nobody asks the inbox about it. */
export const addressOf = (inboxId: string) => `0x${inboxId.slice(0, 40)}`

/** A node that holds a capture, as far as it was shown; what is published to it is forgotten. */
export function replayNode({ mls, replay, identity }: Scenario) {
  const groupMessages = mls.messages.map(({ groupId, data }, index): GroupMessage => {
    const { id, createdNs, isCommit = false } = replay.messages[index]!
    return {
      version: {
        $case: 'v1',
        value: {
          id: BigInt(id),
          createdNs: BigInt(createdNs),
          groupId: bytes(groupId),
          data: bytes(data),
          senderHmac: new Uint8Array(),
          shouldPush: false,
          isCommit,
        },
      },
    }
  })
  const welcomes = mls.welcomes.map((sealed, index): WelcomeMessage => {
    const { id, createdNs } = replay.welcomes[index]!
    return {
      version: {
        $case: 'v1',
        value: {
          ...sealedFields(sealed, id, createdNs),
          data: bytes(sealed.data),
          welcomeMetadata: bytes(sealed.welcomeMetadata ?? ''),
        },
      },
    }
  })
  const pointers = mls.pointers.map((sealed, index): WelcomeMessage => {
    const { id, createdNs } = replay.pointers[index]!
    return {
      version: {
        $case: 'welcomePointer',
        value: { ...sealedFields(sealed, id, createdNs), welcomePointer: bytes(sealed.data) },
      },
    }
  })
  const queues = { message: [...groupMessages], welcome: [...welcomes], pointer: [...pointers] }
  const shown: { messages: GroupMessage[]; welcomes: WelcomeMessage[] } = {
    messages: [],
    welcomes: [],
  }
  const wakes = new Set<() => void>()
  const waiting = [...replay.order]
  let uploads = 0

  const idOf = (one: GroupMessage | WelcomeMessage) => one.version!.value.id
  const inTopic = (key: string, after: bigint) =>
    shown.welcomes
      .filter((one) => bytesToHex(one.version!.value.installationKey) === key && idOf(one) > after)
      .toSorted((a, b) => Number(idOf(a) - idOf(b)))
  const ofGroup = (key: string, after: bigint) =>
    shown.messages.filter(
      (one) => bytesToHex(one.version!.value.groupId) === key && idOf(one) > after,
    )

  const answers: Record<string, (request: Uint8Array) => Uint8Array> = {
    QueryGroupMessages(request) {
      const { groupId, pagingInfo } = QueryGroupMessagesRequest.decode(request)
      const messages = ofGroup(bytesToHex(groupId), pagingInfo?.idCursor ?? 0n)
      return QueryGroupMessagesResponse.encode({ messages, pagingInfo: undefined }).finish()
    },
    QueryWelcomeMessages(request) {
      const { installationKey, pagingInfo } = QueryWelcomeMessagesRequest.decode(request)
      const messages = inTopic(bytesToHex(installationKey), pagingInfo?.idCursor ?? 0n)
      return QueryWelcomeMessagesResponse.encode({ messages, pagingInfo: undefined }).finish()
    },
    GetNewestGroupMessage(request) {
      const { groupIds } = GetNewestGroupMessageRequest.decode(request)
      const responses = groupIds.map((id) => ({ groupMessage: ofGroup(bytesToHex(id), 0n).at(-1) }))
      return GetNewestGroupMessageResponse.encode({ responses }).finish()
    },
    GetIdentityUpdates(request) {
      const { requests } = GetIdentityUpdatesRequest.decode(request)
      const responses = requests.map(({ inboxId, sequenceId }) => ({
        inboxId,
        updates: identity.timeline
          .filter((one) => one.t === 'identity_update' && one.inboxId === inboxId)
          .filter((one) => BigInt(one.sequenceId!) > sequenceId)
          .map((one) => ({
            sequenceId: BigInt(one.sequenceId!),
            serverTimestampNs: 0n,
            update: IdentityUpdate.decode(bytes(one.bytes!)),
          })),
      }))
      return GetIdentityUpdatesResponse.encode({ responses }).finish()
    },
    UploadKeyPackage(request) {
      UploadKeyPackageRequest.decode(request)
      uploads += 1
      return new Uint8Array()
    },
  }

  async function* follow(find: () => readonly Uint8Array[], signal: AbortSignal) {
    for (let sent = 0; !signal.aborted;) {
      const found = find()
      for (const one of found.slice(sent)) yield one
      sent = found.length
      await new Promise<void>((resolve) => {
        const wake = () => {
          wakes.delete(wake)
          resolve()
        }
        wakes.add(wake)
        signal.addEventListener('abort', wake)
        if (signal.aborted || find().length > sent) wake()
      })
    }
  }

  const endpoint: MemoryEndpoint = {
    async unary(path, request) {
      const answer = answers[path.split('/').at(-1)!]
      if (answer === undefined) throw Object.assign(new Error(path), { code: 12 })
      return answer(request)
    },
    async serverStream(path, request, { signal }) {
      if (path.endsWith('SubscribeGroupMessages')) {
        const { filters } = SubscribeGroupMessagesRequest.decode(request)
        const find = () =>
          shown.messages
            .filter((one) =>
              filters.some(
                ({ groupId, idCursor }) =>
                  bytesToHex(groupId) === bytesToHex(one.version!.value.groupId) &&
                  idOf(one) > idCursor,
              ),
            )
            .map((one) => GroupMessage.encode(one).finish())
        return { headers: {}, messages: follow(find, signal) }
      }
      const { filters } = SubscribeWelcomeMessagesRequest.decode(request)
      const [filter] = filters
      const key = bytesToHex(filter!.installationKey)
      const find = () =>
        inTopic(key, filter!.idCursor).map((one) => WelcomeMessage.encode(one).finish())
      return { headers: {}, messages: follow(find, signal) }
    },
  }

  /** Shows the next thing of the capture. @returns whether there was one */
  const show = (): boolean => {
    const kind = waiting.shift()
    if (kind === undefined) return false
    if (kind === 'message') shown.messages.push(queues.message.shift()!)
    else shown.welcomes.push(queues[kind].shift()!)
    for (const wake of wakes) wake()
    return true
  }
  return {
    endpoint,
    show,
    showAll() {
      while (show());
    },
    uploads: () => uploads,
  }
}

function sealedFields(sealed: Sealed, id: string, createdNs: string) {
  return {
    id: BigInt(id),
    createdNs: BigInt(createdNs),
    installationKey: bytes(sealed.topicKey),
    hpkePublicKey: bytes(sealed.hpkePublicKey),
    wrapperAlgorithm: sealed.wrapperAlgorithm,
  }
}
