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
import type {
  WelcomePointerWrapperAlgorithm,
  WelcomeWrapperAlgorithm,
} from '@xmtp-ts/proto/mls/message_contents/wrapper_encryption'
import { KeyPackage as KeyPackageRow, Self as SelfRow } from '@xmtp-ts/proto/store/v1/store'
import { bytesToHex } from '@xmtp-ts/protocol'
import { readKeyPackage } from '@xmtp-ts/protocol/group'
import type { RecordStore, StoredRecord } from '../src/store/record-store.ts'
import { keys } from '../src/v3/records/keys.ts'
import { encodeNumber, encodeRow } from '../src/v3/records/rows.ts'
import type { MemoryEndpoint } from '../src/transport/memory.ts'
import { bytes, type Scenario, type Sealed } from './capture.ts'

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
          ...sealedFields<WelcomeWrapperAlgorithm>(sealed, id, createdNs),
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
        value: {
          ...sealedFields<WelcomePointerWrapperAlgorithm>(sealed, id, createdNs),
          welcomePointer: bytes(sealed.data),
        },
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

function sealedFields<A extends number>(sealed: Sealed, id: string, createdNs: string) {
  return {
    id: BigInt(id),
    createdNs: BigInt(createdNs),
    installationKey: bytes(sealed.topicKey),
    hpkePublicKey: bytes(sealed.hpkePublicKey),
    // The numbers that libxmtp wrote, those outside the enumeration too.
    wrapperAlgorithm: sealed.wrapperAlgorithm as A,
  }
}
