// V2: one message sealed and opened, and an inbox of 1,000 conversations with 20 messages each opened and read, by
// @xmtp/xmtp-js 11.6.3 and by ours, doing the same calls on the same node. The node runs in a process of its own.
import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import * as ours from '@xmtp-ts/client/v2'
import { PublishRequest } from '@xmtp-ts/proto/message_api/v1/message_api'
import { EncodedContent } from '@xmtp-ts/proto/message_contents/content'
import {
  addressOfPoint,
  createIdentityText,
  createPreKey,
  createUnsignedKey,
  decodePrivateKeyBundle,
  inviteTopic,
  parseAddress,
  personalMessageDigest,
  publicKeyBundle,
  publicPoint,
  signDigest,
  signIdentityKey,
  utf8,
  v2,
  verifyKeyBundle,
} from '@xmtp-ts/protocol'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import type * as Reference from 'xmtp-js-11'
import { printMachine, printTable, startNode } from './support.ts'

type Sdk = Pick<typeof Reference, 'Client'>

const sdks: Readonly<Record<string, Sdk>> = {
  'xmtp-js 11.6.3': createRequire(import.meta.url)('xmtp-js-11') as Sdk,
  ours: ours as unknown as Sdk,
}

const conversations = Number(process.argv[2] ?? 1_000)
const messagesEach = 20
const start = BigInt(Date.UTC(2024, 0, 1)) * 1_000_000n
const random = (size: number) => new Uint8Array(randomBytes(size))

const account = privateKeyToAccount(generatePrivateKey())
const wallet = {
  getAddress: async () => account.address,
  signMessage: (message: string) => account.signMessage({ message }),
}

/** Keys of a stranger, made as a client makes them. */
function strangerKeys(nowNs: bigint) {
  const walletKey = random(32)
  const unsigned = createUnsignedKey({ nowNs, random })
  const digest = personalMessageDigest(createIdentityText(unsigned.unsigned.keyBytes))
  const { bytes, recovery } = signDigest(walletKey, digest)
  const identityKey = signIdentityKey(unsigned, Uint8Array.of(...bytes, 27 + recovery))
  const keys = { identityKey, preKeys: [createPreKey(identityKey, { nowNs, random })] as const }
  return { keys, address: addressOfPoint(publicPoint(walletKey)) }
}

const envelope = (contentTopic: string, timestampNs: bigint, message: Uint8Array) => ({
  contentTopic,
  timestampNs,
  message,
  resumeToken: new Uint8Array(),
})

/** Fills the reader's inbox: a stranger's invitation and messages per conversation. */
async function fill(url: string, readerKeys: Uint8Array): Promise<void> {
  const reader = decodePrivateKeyBundle(readerKeys)
  const peer = verifyKeyBundle(publicKeyBundle(reader))
  const content = EncodedContent.encode({
    type: { authorityId: 'xmtp.org', typeId: 'text', versionMajor: 1, versionMinor: 0 },
    parameters: { encoding: 'UTF-8' },
    fallback: undefined,
    compression: undefined,
    content: utf8('A message of the usual length, as people write them.'),
  }).finish()
  for (let index = 0; index < conversations; index += 1) {
    const createdNs = start + BigInt(index) * 1_000_000_000n
    const { keys: own, address: ownAddress } = strangerKeys(createdNs)
    const conversation = v2.deriveConversation({ own, ownAddress, peer, conversationId: undefined })
    const invitation = { ...conversation, context: undefined, consentProof: undefined }
    const sealed = v2.sealInvitation(invitation, { own, peer, createdNs, random })
    const envelopes = [
      envelope(inviteTopic(parseAddress(account.address)), createdNs, sealed),
      ...Array.from({ length: messagesEach }, (_, message) => {
        const sentNs = createdNs + BigInt(message + 1) * 1_000_000n
        const { bytes } = v2.sealMessage(content, {
          conversation,
          own,
          ownAddress,
          createdNs: sentNs,
          nowMs: Date.now(),
          shouldPush: true,
          random,
        })
        return envelope(conversation.topic, sentNs, bytes)
      }),
    ]
    const body = PublishRequest.encode({ envelopes }).finish()
    const response = await fetch(`${url}/message/v1/publish`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body,
    })
    if (!response.ok) throw new Error(await response.text())
  }
}

async function measure<T>(step: () => Promise<T>) {
  const before = { at: performance.now(), cpu: process.cpuUsage() }
  const value = await step()
  const cpu = process.cpuUsage(before.cpu)
  return {
    value,
    seconds: (performance.now() - before.at) / 1e3,
    cpu: (cpu.user + cpu.system) / 1e6,
  }
}

const node = await startNode('memory')
const options = { env: 'local', apiUrl: node.url } as const
const setUp = await sdks['ours']!.Client.create(wallet, options)
await fill(node.url, await sdks['ours']!.Client.getKeys(wallet, options))
const friend = privateKeyToAccount(generatePrivateKey())
await sdks['ours']!.Client.create(
  {
    getAddress: async () => friend.address,
    signMessage: (message: string) => friend.signMessage({ message }),
  },
  options,
)

printMachine()
console.log(`One message of 52 characters, sealed and opened (mean of 200)\n`)
const single: Record<string, { seal: number; open: number }> = {}
for (const [name, { Client }] of Object.entries(sdks)) {
  const client = await Client.create(wallet, options)
  const conversation = await client.conversations.newConversation(friend.address)
  const prepare = () =>
    conversation.prepareMessage('A message of the usual length, as people write them.')
  const rounds = 200
  for (let index = 0; index < 20; index += 1) {
    await conversation.decodeMessage((await prepare()).messageEnvelope)
  }
  const sealed = await measure(async () => {
    const all = []
    for (let index = 0; index < rounds; index += 1) all.push((await prepare()).messageEnvelope)
    return all
  })
  const opened = await measure(async () => {
    for (const one of sealed.value) await conversation.decodeMessage(one)
  })
  single[name] = { seal: (sealed.cpu / rounds) * 1e6, open: (opened.cpu / rounds) * 1e6 }
}
const [theirs, mine] = [single['xmtp-js 11.6.3']!, single['ours']!]
printTable([
  ...Object.entries(single).map(([who, { seal, open }]) => ({
    who,
    'seal CPU µs': seal,
    'open CPU µs': open,
  })),
  {
    who: 'theirs / ours',
    'seal CPU µs': theirs.seal / mine.seal,
    'open CPU µs': theirs.open / mine.open,
  },
])

console.log(
  `An inbox of ${conversations} conversations with ${messagesEach} messages each: create the client, list, read all\n`,
)
const inbox: Record<string, { seconds: number; cpu: number; messages: number }> = {}
for (const [name, { Client }] of Object.entries(sdks).toReversed()) {
  const { value, seconds, cpu } = await measure(async () => {
    const client = await Client.create(wallet, options)
    let count = 0
    for (const conversation of await client.conversations.list())
      count += (await conversation.messages()).length
    return count
  })
  inbox[name] = { seconds, cpu, messages: value }
}
const ratio = (part: 'seconds' | 'cpu') => inbox['xmtp-js 11.6.3']![part] / inbox['ours']![part]
printTable([
  ...Object.entries(inbox).map(([who, { seconds, cpu, messages }]) => ({
    who,
    messages,
    seconds: seconds,
    'client CPU s': cpu,
  })),
  { who: 'theirs / ours', messages: '', seconds: ratio('seconds'), 'client CPU s': ratio('cpu') },
])
await setUp.close()
// The published SDK keeps the process alive; leaving at once would leave the node behind.
await node[Symbol.asyncDispose]()
process.exit(0)
