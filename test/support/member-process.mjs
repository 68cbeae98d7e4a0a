// A member who sends, renames, adds and removes without end, in a process of its own, for tests that kill it:
// `node member-process.mjs NAME KEY STORE URL PEER SEED`. PEER is the inbox id of somebody who is added and removed again.
// Prints `open INBOX`, `do WHAT` before each step and `done WHAT` after it.
import { Client, grpcWebTransport } from '../../packages/client/dist/index.js'

const [name, key, dbPath, url, peer, seed] = process.argv.slice(2)
const say = (line) => new Promise((resolve) => process.stdout.write(`${line}\n`, resolve))
let state = Number(seed)
const chance = (below) => {
  // Of Knuth, MMIX: the high bits of a linear congruential generator.
  state = Number((BigInt(state) * 6364136223846793005n + 1442695040888963407n) & 0xffff_ffffn)
  return (state >>> 8) % below
}

const client = await Client.create(key, { dbPath, transport: grpcWebTransport({ url }) })
await say(`open ${client.inboxId}`)
await client.conversations.syncAll()
for (let step = 0; ; step += 1) {
  const groups = await client.conversations.listGroups()
  const group = groups[chance(groups.length || 1)]
  const what = `${name} ${step}`
  await say(`do ${what}`)
  try {
    if (group === undefined) await client.conversations.syncAll()
    else {
      const dice = chance(10)
      if (dice < 6) await group.sendText(what)
      else if (dice < 7) await group.updateName(what)
      else if (dice < 8) await client.conversations.syncAll()
      else {
        const isIn = (await group.members()).some(({ inboxId }) => inboxId === peer)
        await (isIn ? group.removeMembers([peer]) : group.addMembers([peer]))
      }
      if (dice < 6) await say(`sent ${group.id} ${what}`)
    }
  } catch (error) {
    await say(`failed ${what} ${error.code ?? error}`)
  }
  await say(`done ${what}`)
}
