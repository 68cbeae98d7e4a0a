// A bot in a process of its own, for tests that kill it: `node reader-process.mjs KEY STORE URL`. Prints `open INBOX`,
// then a line for each message that it was handed, once it has done with it.
import { Client, GroupMessageKind, grpcWebTransport } from '../../packages/client/dist/index.js'

const [key, dbPath, url] = process.argv.slice(2)
const client = await Client.create(key, { dbPath, transport: grpcWebTransport({ url }) })
await client.conversations.streamAllMessages({
  resume: 'bot',
  async onValue({ conversationId, content, kind }) {
    if (kind !== GroupMessageKind.Application) return
    await new Promise((resolve) => process.stdout.write(`${conversationId} ${content}\n`, resolve))
  },
})
process.stdout.write(`open ${client.inboxId}\n`)
