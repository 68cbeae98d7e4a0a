// Started by native.ts with the path of the native SDK: requests as lines of JSON in, answers as lines of JSON out.
import { createInterface } from 'node:readline'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { createHost, type Request } from './host.ts'

const path = process.argv[2]!
const sdk = await import(pathToFileURL(path).href)
// The SDK leaves passkeys to who uses the binding below it.
const bindings = createRequire(path)('@xmtp/node-bindings')

const handle = createHost(
  { ...sdk, bindings },
  [bindings.Client, bindings.Backend, bindings.SignatureRequestHandle],
  (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`),
)

for await (const line of createInterface({ input: process.stdin }))
  void handle(JSON.parse(line) as Request)
process.exit(0)
