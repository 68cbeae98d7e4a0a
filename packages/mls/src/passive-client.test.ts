import { describe, expect, it } from 'vitest'
import { defaultConfig } from './group/default-config.ts'
import { hex, workingGroupVectors } from '../test/vectors.ts'
import { decodeMessage } from './message/wire.ts'
import { joinGroup } from './group/join.ts'
import { processMessage } from './group/process.ts'
import { adoptCommit } from './group/staged-commit.ts'
import { toHex } from './bytes.ts'
import { checkTree } from './tree/validate.ts'

for (const name of ['passive-client-welcome', 'passive-client-handling-commit']) {
  const entries = workingGroupVectors(name)
  describe(name, () => {
    if (entries === undefined) return it.skip(`${name}.json is not here`, () => {})
    entries.forEach((v, index) => {
      it(`${name} ${index} (suite ${v.cipher_suite})`, () => follow(v))
    })
  })
}

async function follow(v: any): Promise<void> {
  const published = decodeMessage(hex(v.key_package))
  if (published.kind !== 'keyPackage') throw new Error('not a key package')
  const external = new Map<string, string>(v.external_psks.map((p: any) => [p.psk_id, p.psk]))
  const psk = (id: any) => {
    const found = id.kind === 'external' ? external.get(toHex(id.id)) : undefined
    return found === undefined ? undefined : hex(found)
  }
  const joined = await joinGroup(hex(v.welcome), {
    config: defaultConfig,
    keyPackages: [
      {
        keyPackage: published.keyPackage,
        initPrivateKey: hex(v.init_priv),
        leafPrivateKey: hex(v.encryption_priv),
      },
    ],
    signaturePrivateKey: hex(v.signature_priv),
    psk,
    ...(v.ratchet_tree ? { ratchetTree: hex(v.ratchet_tree) } : {}),
  })
  let { state } = joined
  expect(state.secrets.epochAuthenticator).toEqual(hex(v.initial_epoch_authenticator))
  for (const epoch of v.epochs) {
    for (const proposal of epoch.proposals)
      state = (await processMessage(state, hex(proposal))).state
    const received = await processMessage(state, hex(epoch.commit), { psk })
    if (received.kind !== 'commit') throw new Error('not a commit')
    state = adoptCommit(received.state, received.staged)
    expect(state.secrets.epochAuthenticator).toEqual(hex(epoch.epoch_authenticator))
    checkTree(state.suite, state.tree)
  }
}
