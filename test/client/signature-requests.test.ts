import { Client, IdentifierKind } from '@xmtp-ts/client'
import { hexToBytes } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { describe, expect, it } from 'vitest'
import { walletKey, world } from './world.ts'

const { keep, open, options } = world()
const account = (number: number) => privateKeyToAccount(`0x${walletKey(number)}`)
const identifierOf = (number: number) => ({
  identifier: account(number).address,
  identifierKind: IdentifierKind.Ethereum,
})

/** A wallet that is somewhere else: only text and signatures travel. */
async function sign(number: number, request: { signatureText(): Promise<string> }) {
  return hexToBytes(await account(number).signMessage({ message: await request.signatureText() }))
}

describe('signatures made elsewhere', () => {
  it('register an installation whose signer never was here', async () => {
    const client = keep(await Client.build(identifierOf(1), options()))
    const request = await client.unsafe_createInboxSignatureRequest()
    expect(await request!.signatureText()).toContain(`Create inbox`)
    await expect(client.unsafe_applySignatureRequest(request!)).rejects.toMatchObject({
      code: 'v3.identity.signature.missing',
    })
    expect(client.isRegistered).toBe(false)
    await request!.addEcdsaSignature(await sign(1, request!))
    await client.unsafe_applySignatureRequest(request!)
    expect(client.isRegistered).toBe(true)
    expect(await client.unsafe_createInboxSignatureRequest()).toBeNull()
    // Others can write to it: its key package is there.
    const other = await open(2)
    const dm = await other.conversations.createDm(client.inboxId)
    await dm.sendText('hello')
    await client.conversations.syncAll()
    expect(await client.conversations.listDms()).toHaveLength(1)
  })

  it('add an account and remove it', async () => {
    const ann = await open(1)
    const add = await ann.unsafe_addAccountSignatureRequest(identifierOf(11))
    await add.addEcdsaSignature(await sign(11, add))
    await ann.unsafe_applySignatureRequest(add)
    expect((await ann.preferences.fetchInboxState()).identifiers).toHaveLength(2)
    const remove = await ann.unsafe_removeAccountSignatureRequest(identifierOf(11))
    await ann.unsafe_addSignature(remove)
    await ann.unsafe_applySignatureRequest(remove)
    expect((await ann.preferences.fetchInboxState()).identifiers).toHaveLength(1)
  })

  it('revoke installations and change the recovery identifier', async () => {
    const ann = await open(1)
    const [second, third] = [await open(1), await open(1)]
    const revoke = await ann.unsafe_revokeInstallationsSignatureRequest([
      second.installationIdBytes,
    ])
    await revoke.addEcdsaSignature(await sign(1, revoke))
    await ann.unsafe_applySignatureRequest(revoke)
    const others = await ann.unsafe_revokeAllOtherInstallationsSignatureRequest()
    await ann.unsafe_addSignature(others!, walletKey(1))
    await ann.unsafe_applySignatureRequest(others!)
    const { installations } = await ann.preferences.fetchInboxState()
    expect(installations.map(({ id }) => id)).toEqual([ann.installationId])
    expect(third.installationId).not.toBe(ann.installationId)
    expect(await ann.unsafe_revokeAllOtherInstallationsSignatureRequest()).toBeNull()
    const change = await ann.unsafe_changeRecoveryIdentifierSignatureRequest(identifierOf(12))
    await change.addEcdsaSignature(await sign(1, change))
    await ann.unsafe_applySignatureRequest(change)
    const { recoveryIdentifier } = await ann.preferences.fetchInboxState()
    expect(recoveryIdentifier.identifier).toBe(account(12).address.toLowerCase())
  })

  it('count only from who has to sign, and only for what changes something', async () => {
    const ann = await open(1)
    const request = await ann.unsafe_addAccountSignatureRequest(identifierOf(11))
    await expect(request.addEcdsaSignature(await sign(12, request))).rejects.toMatchObject({
      code: 'client.signer.wrongAccount',
    })
    await expect(request.addEcdsaSignature(new Uint8Array(64))).rejects.toMatchObject({
      code: 'signature.malformed',
    })
    await expect(ann.unsafe_addAccountSignatureRequest(identifierOf(1))).rejects.toMatchObject({
      code: 'client.inbox.unchanged',
    })
    expect((await ann.preferences.fetchInboxState()).identifiers).toHaveLength(1)
  })
})
