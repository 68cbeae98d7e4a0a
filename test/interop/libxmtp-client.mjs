// Unmodified libxmtp clients against a node: one scenario per run, in a process of its own, because the native binding
// may need another C library than the process of the tests. Prints `{"step": …, "value": …}` lines; the test judges.
//
//   node libxmtp-client.mjs SCENARIO NODE_URL FOLDER
//
// FOLDER is empty and gets the databases of the clients.
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { toBytes } from 'viem'

const [scenario = '', apiUrl = '', folder = ''] = process.argv.slice(2)
const installed = process.env.XMTP_REAL_CLIENTS
const sdk = await import(
  installed === undefined
    ? '@xmtp/node-sdk'
    : pathToFileURL(join(installed, 'node_modules/@xmtp/node-sdk/dist/index.js')).href
)
const { Client } = sdk

const report = (step, value = true) => process.stdout.write(`${JSON.stringify({ step, value })}\n`)
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
/** Lets the test do something, and goes on when it says so. */
const pause = async (step) => {
  report(step)
  await lines.next()
}

const newAccount = () => privateKeyToAccount(generatePrivateKey())
const signerOf = (account) => ({
  type: 'EOA',
  getIdentifier: () => ({ identifier: account.address.toLowerCase(), identifierKind: 0 }),
  signMessage: async (message) => toBytes(await account.signMessage({ message })),
})

let databases = 0
const newClient = (account = newAccount(), options = {}) =>
  Client.create(signerOf(account), {
    apiUrl,
    env: 'local',
    dbPath: join(folder, `${(databases += 1)}.db3`),
    disableDeviceSync: true,
    ...options,
  })

const texts = async (conversation) =>
  (await conversation.messages())
    .map(({ content }) => content)
    .filter((content) => typeof content === 'string')

/** Waits for a condition of the other side, a moment at a time; the test bounds the whole run. */
const until = async (condition) => {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 50))
}

const scenarios = {
  async identity() {
    const account = newAccount()
    const first = await newClient(account)
    report('registered', first.isRegistered)
    const second = await newClient(account)
    report('same inbox', first.inboxId === second.inboxId)
    const wallet = newAccount()
    await first.unsafe_addAccount(signerOf(wallet), true)
    let state = await first.preferences.fetchInboxState()
    report('after adding', [state.installations.length, state.identifiers.length])
    const lookup = await first.fetchInboxIdByIdentifier({
      identifier: wallet.address.toLowerCase(),
      identifierKind: 0,
    })
    report('found by second wallet', lookup === first.inboxId)
    await first.revokeInstallations([second.installationIdBytes])
    state = await first.preferences.fetchInboxState()
    report('after revoking', state.installations.length)
    const addresses = [wallet, newAccount()].map(({ address }) => address.toLowerCase())
    const can = await first.canMessage(
      addresses.map((identifier) => ({ identifier, identifierKind: 0 })),
    )
    report(
      'can message',
      addresses.map((address) => can.get(address)),
    )
  },

  async conversations() {
    const [alix, bo, caro] = await Promise.all([newClient(), newClient(), newClient()])
    const dm = await alix.conversations.createDm(bo.inboxId)
    for (let index = 0; index < 130; index += 1) await dm.sendText(`text ${index}`)
    await bo.conversations.sync()
    const [boDm] = await bo.conversations.listDms()
    await boDm.sync()
    const received = await texts(boDm)
    report('130 messages', [received.length, received[0], received.at(-1)])
    await boDm.sendText('answer')
    await dm.sync()
    report('answer', (await texts(dm)).at(-1))

    const group = await alix.conversations.createGroup([bo.inboxId, caro.inboxId], {
      groupName: 'first name',
    })
    await group.sendText('to all')
    await Promise.all([bo, caro].map((client) => client.conversations.syncAll()))
    const ofGroup = async (client) => client.conversations.getConversationById(group.id)
    const [boGroup, caroGroup] = [await ofGroup(bo), await ofGroup(caro)]
    report('group text', [await texts(boGroup), await texts(caroGroup)])
    await group.updateName('second name')
    await group.addSuperAdmin(bo.inboxId)
    await boGroup.sync()
    report('metadata', [boGroup.name, boGroup.listSuperAdmins().length])
    await boGroup.removeMembers([caro.inboxId])
    await caroGroup.sync()
    report('removed', caroGroup.isActive)
    await group.sync()
    report('members', (await group.members()).length)
  },

  async streams() {
    const [alix, bo] = await Promise.all([newClient(), newClient()])
    const got = []
    // Without any group yet: such a stream must open, and notice the first welcome.
    const stream = await bo.conversations.streamAllMessages({
      onValue: (message) => got.push(message.content),
    })
    const dm = await alix.conversations.createDm(bo.inboxId)
    await dm.sendText('one')
    await until(() => got.includes('one'))
    const group = await alix.conversations.createGroup([bo.inboxId])
    await group.sendText('two')
    await until(() => got.includes('two'))
    for (let index = 0; index < 20; index += 1) await dm.sendText(`live ${index}`)
    await until(() => got.includes('live 19'))
    report(
      'live',
      got.filter((content) => typeof content === 'string' && content.startsWith('live')),
    )
    await stream.end()
  },

  async race() {
    const [alix, bo, caro, davon] = await Promise.all([1, 2, 3, 4].map(() => newClient()))
    const group = await alix.conversations.createGroup([bo.inboxId])
    await group.addSuperAdmin(bo.inboxId)
    await bo.conversations.syncAll()
    const boGroup = await bo.conversations.getConversationById(group.id)
    await Promise.all([group.addMembers([caro.inboxId]), boGroup.addMembers([davon.inboxId])])
    await Promise.all([group.sync(), boGroup.sync()])
    const members = await Promise.all([group.members(), boGroup.members()])
    report(
      'members',
      members.map(({ length }) => length),
    )
    await group.sendText('after the race')
    await Promise.all([caro, davon].map((client) => client.conversations.syncAll()))
    const seen = [caro, davon].map(async (client) =>
      texts(await client.conversations.getConversationById(group.id)),
    )
    report('both read', await Promise.all(seen))
  },

  async restart() {
    const [alix, bo] = await Promise.all([newClient(), newClient()])
    const dm = await alix.conversations.createDm(bo.inboxId)
    await dm.sendText('before')
    await pause('restart')
    await dm.sendText('after')
    await bo.conversations.syncAll()
    const [boDm] = await bo.conversations.listDms()
    report('all there', await texts(boDm))
  },
}

await scenarios[scenario]()
report('done')
process.exit(0)
