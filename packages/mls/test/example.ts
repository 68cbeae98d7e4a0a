import {
  adoptCommit,
  basicCapabilities,
  basicCredential,
  createCommit,
  createGroup,
  createKeyPackage,
  defaultConfig,
  encryptMessage,
  joinGroup,
  platformRandom as random,
  processMessage,
  suiteOf,
} from '@xmtp-ts/mls'

const suite = suiteOf(3)
const config = defaultConfig
const person = async (name: string) => {
  const signaturePrivateKey = random(32)
  const own = await createKeyPackage({
    suite,
    signaturePrivateKey,
    random,
    credential: basicCredential(new TextEncoder().encode(name)),
    capabilities: basicCapabilities(suite),
    lifetime: { notBefore: 0n, notAfter: 4_000_000_000n },
  })
  return { own, signaturePrivateKey }
}
const [ann, ben] = [await person('ann'), await person('ben')]

let anns = createGroup({ suite, groupId: random(16), ...ann, config, random })
const add = { kind: 'add', keyPackage: ben.own.keyPackage } as const
const commit = await createCommit(anns, { proposals: [add], random })
// Send commit.message to the group; when the group has taken it:
anns = adoptCommit(commit.state, commit.staged)

const { state: bens } = await joinGroup(commit.welcome!, {
  keyPackages: [ben.own],
  config,
  signaturePrivateKey: ben.signaturePrivateKey,
})
const sent = await encryptMessage(bens, new TextEncoder().encode('hello'), { random })
const received = await processMessage(anns, sent.message)
if (received.kind === 'application')
  console.log(new TextDecoder().decode(received.data), 'from leaf', received.sender.leafIndex)
