import { randomBytes } from 'node:crypto'
import { Client, IdentifierKind, type PasskeySigner } from '@xmtp-ts/client'
import { bytesToHex, recoverAddress, type Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { expect, it } from 'vitest'
import { native } from './native.ts'
import { newPasskey } from './passkey.ts'
import { agree, meeting, seenBy, sides } from './sides.ts'
import { describeUnless } from './describe-unless.ts'

const chainId = 31_337

/** Wallets of one owner each on a chain of one block, by address. */
const owners = new Map<string, Hex>()

const contracts = {
  verify: async ({
    account,
    hash,
    signature,
  }: {
    readonly account: { readonly chainId: bigint; readonly address: string }
    readonly hash: Uint8Array
    readonly signature: Uint8Array
  }) => ({
    isValid:
      account.chainId === BigInt(chainId) &&
      (await recoverAddress({ hash: bytesToHex(hash), signature: bytesToHex(signature) })) ===
        owners.get(account.address),
    blockNumber: 1n,
  }),
}

function newContract() {
  const privateKey = bytesToHex(randomBytes(32))
  const address = bytesToHex(randomBytes(20))
  owners.set(address, privateKeyToAccount(privateKey).address)
  return { privateKey, contract: { address, chainId } }
}

describeUnless(native.problem)('wallets that are no key of Ethereum', () => {
  const { node, open } = meeting({ contracts })

  async function passkeyClient(): Promise<Client> {
    const passkey = newPasskey()
    const signer: PasskeySigner = {
      type: 'passkey',
      getIdentifier: () => ({
        identifier: passkey.identifier,
        identifierKind: IdentifierKind.Passkey,
      }),
      async signMessage(text) {
        const { signature, authenticatorData, clientDataJson } = passkey.sign(text)
        return {
          signature: Uint8Array.from(signature),
          authenticatorData: Uint8Array.from(authenticatorData),
          clientDataJson: Uint8Array.from(clientDataJson),
        }
      },
    }
    return Client.create(signer, { apiUrl: node().url, dbPath: null, disableDeviceSync: true })
  }

  it.each(sides)(
    'are in one group with those that are: contract wallets of $name, and a passkey',
    async ({ one, other }) => {
      const alix = await open(one, newContract())
      const bo = await open(other, newContract())
      const caro = await open(other)
      await using dave = await passkeyClient()
      expect(await alix.canMessage([bo.address])).toEqual([true])
      const group = await alix.newGroupWithAddresses([bo.address, caro.address])
      await group.call('addMembersByIdentifiers', [
        { identifier: dave.accountIdentifier.identifier, identifierKind: 1 },
      ])
      const [atBo, atCaro] = [await seenBy(bo, group), await seenBy(caro, group)]
      await dave.conversations.syncAll()
      const atDave = (await dave.conversations.listGroups())[0]!
      expect(atDave.id).toBe(group.id)
      await atDave.sendText('by passkey')
      await atBo.send('by contract')
      for (const view of [group, atBo, atCaro]) {
        await view.sync()
        expect(await view.texts()).toEqual(['by passkey', 'by contract'])
      }
      await atDave.sync()
      expect((await atDave.lastMessage())?.content).toBe('by contract')
      const accounts = async () => (await group.members()).flatMap((member) => member.accounts)
      expect((await accounts()).toSorted()).toEqual(
        [alix, bo, caro]
          .map(({ address }) => address)
          .concat(dave.accountIdentifier.identifier)
          .toSorted(),
      )
      await agree(group, atBo)
      expect(await atCaro.members()).toHaveLength(4)

      // A second installation of a contract wallet, in the other client; then the first one is revoked.
      const contract = { address: bo.address as Hex, chainId }
      const again = await open(one, { privateKey: bo.privateKey, contract })
      expect(again.inboxId).toBe(bo.inboxId)
      await again.revokeInstallations([bo.installationId])
      const [state] = await caro.inboxStates([bo.inboxId])
      expect(state!.installationIds).toEqual([again.installationId])
    },
    60_000,
  )

  it.each(sides)('do not have an inbox when somebody else signs: $name', async ({ one }) => {
    const { contract } = newContract()
    const privateKey = bytesToHex(randomBytes(32))
    await expect(open(one, { privateKey, contract })).rejects.toThrow()
  })
})
