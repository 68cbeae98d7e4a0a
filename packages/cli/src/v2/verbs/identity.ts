import { createHash } from 'node:crypto'
import { Client, lookUpContact, toSigner } from '@xmtp-ts/client/v2'
import { networkOf } from '../../network.ts'
import type { Verb } from '../../verb.ts'
import { readOrCreateWalletKey, readWalletKey } from '../../wallet-key.ts'
import { createClient, type AccountOptions } from '../account.ts'

/** Makes a wallet key where there is none, and registers its account: keys made, stored and published. */
export const createIdentity: Verb<AccountOptions> = async (options, { io, reporter }) => {
  const key = await readOrCreateWalletKey(options, io)
  if (key.isNew) reporter.progress(`Wrote a new wallet key to ${key.file ?? ''}`)
  const { account } = await toSigner(key.hex)
  const wasRegistered = await Client.canMessage(account, networkOf(options))
  await using client = await createClient(key.hex, { options, reporter })
  await reporter.result({
    json: {
      address: client.address,
      keyFile: key.file ?? null,
      isNewKey: key.isNew,
      isNewAccount: !wasRegistered,
    },
    text: [
      `${client.address} ${wasRegistered ? 'was registered already' : 'is registered'}.`,
      ...(key.file === undefined ? [] : [`Its wallet key is in ${key.file}`]),
    ].join('\n'),
  })
}

/** Shows an account without changing anything in the network. */
export const showIdentity: Verb<AccountOptions> = async (options, { io, reporter }) => {
  const key = await readWalletKey(options, io)
  const { account } = await toSigner(key.hex)
  const network = networkOf(options)
  const keys = await lookUpContact(account, network)
  const identity = keys && fingerprint(keys.identityKey.point)
  const preKey = keys && fingerprint(keys.preKey.point)
  await reporter.result({
    json: {
      address: account,
      keyFile: key.file ?? null,
      registered: keys !== undefined,
      identityKey: identity ?? null,
      preKey: preKey ?? null,
    },
    text: [
      `Address       ${account}`,
      `Wallet key    ${key.file ?? 'XMTP_WALLET_KEY'}`,
      `Registered    ${keys === undefined ? 'no; run `xmtp-ts v2 identity create`' : 'yes'}`,
      ...(identity === undefined ? [] : [`Identity key  ${identity}`]),
      ...(preKey === undefined ? [] : [`Pre-key       ${preKey}`]),
    ].join('\n'),
  })
}

/** SHA-256 of a public point in hex: short enough to compare by eye, long enough to trust. */
function fingerprint(point: Uint8Array): string {
  return createHash('sha256').update(point).digest('hex')
}
