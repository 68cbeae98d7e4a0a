import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startTestNode, type TestNode } from '../support/node.ts'

/** A program for the published SDK, as its users write them. Only the import changes. */
const program = `
import { Client, ConsentListEntry, DecodedMessage, SortDirection } from 'SDK'
import type { Conversation, Signer } from 'SDK'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'

function wallet(): Signer {
  const account = privateKeyToAccount(generatePrivateKey())
  return {
    getAddress: async () => account.address,
    signMessage: async (message) => account.signMessage({ message: String(message) }),
  }
}

async function run(apiUrl: string) {
  const options = { env: 'local' as const, apiUrl, appVersion: 'import-swap/1.0' }
  const keys = await Client.getKeys(wallet(), options)
  const alice = await Client.create(null, { ...options, privateKeyOverride: keys })
  const bob = await Client.create(wallet(), options)
  const nobody = await wallet().getAddress()
  const reachable = [
    await Client.canMessage(bob.address, options),
    await alice.canMessage(nobody),
    ...(await alice.canMessage([bob.address, nobody])),
  ]

  const invitations = await bob.conversations.stream()
  const everything = await bob.conversations.streamAllMessages()
  const conversation: Conversation = await alice.conversations.newConversation(bob.address, {
    conversationId: 'example.org/swap',
    metadata: { title: 'swap' },
  })
  let invited: Conversation | undefined
  for await (const one of invitations) {
    invited = one
    break
  }
  await invitations.return()

  const prepared = await conversation.prepareMessage('prepared')
  const preparedId = await prepared.messageID()
  const sent = await prepared.send()
  await conversation.send('second', { timestamp: new Date(Date.now() + 1_000) })
  const streamed: DecodedMessage[] = []
  for await (const message of everything) {
    streamed.push(message)
    if (streamed.length === 2) break
  }

  const listed = await bob.conversations.list()
  const [same] = listed
  const messages = (await same?.messages()) ?? []
  const newest = await same?.messages({
    limit: 1,
    direction: SortDirection.SORT_DIRECTION_DESCENDING,
  })
  let paged = 0
  for await (const page of conversation.messagesPaginated({ pageSize: 1 })) paged += page.length

  const { payload, shouldPush } = await alice.encodeContent('encoded')
  const decoded = await bob.decodeContent(payload)
  const kept = await DecodedMessage.fromBytes(sent.toBytes(), alice)
  const envelopes = await bob.listEnvelopes(conversation.topic, async ({ message }) => message)
  let envelopePages = 0
  for await (const page of bob.listEnvelopesPaginated(conversation.topic, async (one) => one, {
    pageSize: 1,
  }))
    envelopePages += page.length

  const consent = await alice.contacts.streamConsentList()
  await alice.contacts.deny([nobody])
  let streamedConsent: string[] | undefined
  for await (const action of consent) {
    streamedConsent = action.denyAddress?.walletAddresses
    break
  }
  await consent.return()
  bob.contacts.setConsentListEntries([ConsentListEntry.fromAddress(nobody, 'denied')])
  const keptConsent = bob.contacts.isDenied(nobody)

  const before = bob.contacts.consentState(alice.address)
  await bob.contacts.deny([alice.address])
  const denied = [bob.contacts.isDenied(alice.address), same?.isDenied, same?.consentState]
  await same?.allow()
  await bob.contacts.refreshConsentList()

  return {
    reachable,
    codec: [payload.length, shouldPush, decoded.content, decoded.contentType.toString()],
    kept: [kept.id === sent.id, kept.content, kept.conversation.topic === conversation.topic],
    invitations: (await bob.listInvitations()).length,
    envelopes: [envelopes.length, envelopePages],
    streamedConsent: streamedConsent?.length === 1 && streamedConsent[0] === nobody,
    keptConsent,
    version: conversation.conversationVersion,
    context: invited?.context,
    peers: [conversation.peerAddress === bob.address, same?.peerAddress === alice.address],
    topics: new Set([conversation.topic, invited?.topic, same?.topic]).size,
    preparedIsSent: preparedId === sent.id,
    sentBy: sent.senderAddress === alice.address,
    streamed: streamed.map(({ content }) => content),
    listed: listed.length,
    messages: messages.map(({ content, contentFallback, contentType, error, messageVersion }) => ({
      content,
      contentFallback,
      contentType: contentType.toString(),
      error,
      messageVersion,
    })),
    isDate: messages[0]?.sent instanceof Date && same?.createdAt instanceof Date,
    newest: newest?.map(({ content }) => content),
    paged,
    decoded: (await conversation.decodeMessage(prepared.messageEnvelope)).content,
    consent: [before, ...denied, bob.contacts.isAllowed(alice.address)],
    ephemeral: conversation.ephemeralTopic === conversation.topic.replace('/m-', '/mE-'),
  }
}

async function main() {
  const result = await run(process.argv[2] ?? '')
  process.stdout.write(JSON.stringify(result), () => process.exit(0))
}
void main()
`

const imports = { ours: '@xmtp-ts/client/v2', '11': 'xmtp-js-11', '13': 'xmtp-js-13' } as const

const folder = fileURLToPath(new URL('../.tmp/import-swap', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))

let node: TestNode

beforeAll(async () => {
  node = await startTestNode()
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const [name, sdk] of Object.entries(imports))
    writeFileSync(`${folder}/${name}.ts`, program.replaceAll("'SDK'", `'${sdk}'`))
  // 13 has no composites; the rest of its face is in the program.
  const face = readFileSync(new URL('face.ts', import.meta.url), 'utf8')
  for (const name of ['ours', '11'] as const)
    writeFileSync(`${folder}/face-${name}.ts`, face.replaceAll(imports.ours, imports[name]))
})

afterAll(async () => {
  await node.close()
})

async function run(name: keyof typeof imports): Promise<unknown> {
  const outfile = `${folder}/${name}.cjs`
  await build({
    entryPoints: [`${folder}/${name}.ts`],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    conditions: ['source'],
    external: ['xmtp-js-11', 'xmtp-js-13', 'secp256k1', 'viem'],
    logLevel: 'error',
  })
  const { stdout } = await promisify(execFile)(process.execPath, [outfile, node.url])
  return JSON.parse(stdout)
}

it('a program for the published SDKs compiles against ours', () => {
  writeFileSync(
    `${folder}/tsconfig.json`,
    JSON.stringify({
      extends: '../../../tsconfig.base.json',
      compilerOptions: {
        noEmit: true,
        composite: false,
        incremental: false,
        declaration: false,
        declarationMap: false,
        exactOptionalPropertyTypes: false,
        types: ['node'],
        lib: ['ES2023', 'ESNext.Disposable', 'DOM', 'DOM.Iterable'],
        // The declarations that a user of the packages sees.
        customConditions: [],
      },
      include: ['*.ts'],
    }),
  )
  try {
    execFileSync(process.execPath, [`${root}/node_modules/typescript/bin/tsc`, '-p', folder])
  } catch (error) {
    expect.fail(String((error as { stdout?: Buffer }).stdout))
  }
})

it('and does the same', async () => {
  const [eleven, thirteen, ours] = [await run('11'), await run('13'), await run('ours')]
  expect(ours).toEqual(eleven)
  expect(ours).toEqual(thirteen)
  expect(ours).toMatchObject({
    streamed: ['prepared', 'second'],
    paged: 2,
    codec: [48, true, 'encoded', 'xmtp.org/text:1.0'],
    kept: [true, 'prepared', true],
    invitations: 1,
    envelopes: [2, 2],
    streamedConsent: true,
    keptConsent: true,
    reachable: [true, false, true, false],
  })
})
