// V3: the same program (v3-client-host.ts) over @xmtp/node-sdk, as published, and over ours, each in a process of its own with a
// store on disk and device sync off, on one node of ours that stores in SQLite. Interleaved, round by round.
//
//   npm run bench -- v3-client [--only talk,groups,cold,history,wire] [--rounds 5] [--sizes 10,100,250]
//                              [--conversations 50,200,1000]
import { parseArgs } from 'node:util'
import { printMachine, startNode } from './support.ts'
import { measureCold, measureHistory } from './v3-client-cold.ts'
import { measureGroups, measureTalk } from './v3-client-groups.ts'
import { problemOfPeers } from './v3-client-process.ts'
import { createResults } from './v3-client-results.ts'
import { measureWire } from './v3-client-wire.ts'
import { createCrowd, openStores } from './v3-client-world.ts'

const problem = problemOfPeers()
if (problem !== undefined) throw new Error(problem)
const numbers = (text: string) => text.split(',').map(Number)
const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: 'talk,groups,history,cold,wire' },
    rounds: { type: 'string', default: '5' },
    sizes: { type: 'string', default: '10,100,250' },
    conversations: { type: 'string', default: '50,200,1000' },
  },
})
const wanted = new Set(options.only.split(','))
const rounds = Number(options.rounds)
const sizes = numbers(options.sizes)
const conversations = numbers(options.conversations)

await using node = await startNode('sqlite')
using stores = openStores()
await using crowd = await createCrowd(node.url, Math.max(...sizes, 60))
const results = createResults()
const bench = { node, stores, crowd, results, rounds }

printMachine()
if (wanted.has('talk')) await measureTalk(bench)
if (wanted.has('groups')) for (const size of sizes) await measureGroups(bench, size)
if (wanted.has('history')) await measureHistory(bench, 1_000)
if (wanted.has('cold')) await measureCold(bench, conversations)
if (wanted.has('wire')) await measureWire(bench)
