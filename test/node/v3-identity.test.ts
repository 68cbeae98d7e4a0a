import { platformRandom } from '@xmtp-ts/mls'
import {
  GetIdentityUpdatesRequest,
  GetIdentityUpdatesResponse,
  GetInboxIdsRequest,
  GetInboxIdsResponse,
  PublishIdentityUpdateRequest,
  VerifySmartContractWalletSignaturesRequest,
  VerifySmartContractWalletSignaturesResponse,
} from '@xmtp-ts/proto/identity/api/v1/identity'
import { IdentifierKind, IdentityUpdate } from '@xmtp-ts/proto/identity/associations/association'
import { v3 } from '@xmtp-ts/protocol'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { describe, expect, it } from 'vitest'
import { closeAfterEach } from './support.ts'
import { identity, group, openV3 } from './v3-support.ts'

closeAfterEach()

describe('identity', () => {
  /** An update that creates an inbox and adds an installation, as every client's first one. */
  async function firstUpdate() {
    const account = privateKeyToAccount(generatePrivateKey())
    const secret = platformRandom(32)
    const owner = v3.ethereumIdentifier(account.address)
    const inboxId = v3.deriveInboxId(owner, 1n)
    const unsigned = {
      inboxId,
      clientTimestampNs: 1_000_000_000n,
      actions: [
        { kind: 'createInbox' as const, identifier: owner, nonce: 1n },
        { kind: 'add' as const, member: v3.installationIdentifier(v3.installationKey(secret)) },
      ],
    }
    const text = v3.identityUpdateText(unsigned)
    const signed = await account.signMessage({ message: text })
    const wallet = {
      kind: 'erc191' as const,
      bytes: new Uint8Array(Buffer.from(signed.slice(2), 'hex')),
    }
    const update: v3.IdentityUpdate = {
      ...unsigned,
      actions: [
        {
          ...unsigned.actions[0]!,
          kind: 'createInbox',
          identifier: owner,
          nonce: 1n,
          signature: wallet,
        },
        {
          kind: 'add',
          member: v3.installationIdentifier(v3.installationKey(secret)),
          existingSignature: wallet,
          newSignature: v3.signAsInstallation(secret, text),
        },
      ],
    }
    const identityUpdate = IdentityUpdate.decode(v3.encodeIdentityUpdate(update))
    return { inboxId, address: account.address, identityUpdate }
  }

  const publish = (identityUpdate: IdentityUpdate) =>
    PublishIdentityUpdateRequest.encode({ identityUpdate }).finish()

  it('B14: is found by address in any case as soon as it is published, and read back whole', async () => {
    const { client } = await openV3()
    const { inboxId, address, identityUpdate } = await firstUpdate()
    await client.unary(`${identity}/PublishIdentityUpdate`, publish(identityUpdate))
    const asked = [
      address,
      address.toLowerCase(),
      address.toUpperCase().replace('X', 'x'),
      'nobody',
    ]
    const found = GetInboxIdsResponse.decode(
      await client.unary(
        `${identity}/GetInboxIds`,
        GetInboxIdsRequest.encode({
          requests: asked.map((identifier) => ({
            identifier,
            identifierKind: IdentifierKind.IDENTIFIER_KIND_ETHEREUM,
          })),
        }).finish(),
      ),
    )
    expect(found.responses).toEqual(
      asked.map((identifier, index) => ({
        identifier,
        identifierKind: IdentifierKind.IDENTIFIER_KIND_ETHEREUM,
        inboxId: index < 3 ? inboxId : undefined,
      })),
    )
    const log = GetIdentityUpdatesResponse.decode(
      await client.unary(
        `${identity}/GetIdentityUpdates`,
        GetIdentityUpdatesRequest.encode({
          requests: [
            { inboxId, sequenceId: 0n },
            { inboxId, sequenceId: 1n },
            { inboxId: 'cd'.repeat(32), sequenceId: 0n },
          ],
        }).finish(),
      ),
    )
    expect(log.responses.map(({ updates }) => updates.length)).toEqual([1, 0, 0])
    expect(log.responses[0]!.updates[0]).toMatchObject({ sequenceId: 1n })
    expect(IdentityUpdate.encode(log.responses[0]!.updates[0]!.update!).finish()).toEqual(
      IdentityUpdate.encode(identityUpdate).finish(),
    )
  })

  it('takes a retry of the same update, and no other of the same kind', async () => {
    const { client } = await openV3()
    const { identityUpdate } = await firstUpdate()
    await client.unary(`${identity}/PublishIdentityUpdate`, publish(identityUpdate))
    await client.unary(`${identity}/PublishIdentityUpdate`, publish(identityUpdate))
    const changed = { ...identityUpdate, clientTimestampNs: 1_000_000_001n }
    // The text has whole seconds, so the signatures still hold: the log itself must refuse it.
    await expect(
      client.unary(`${identity}/PublishIdentityUpdate`, publish(changed)),
    ).rejects.toMatchObject({ code: 3, details: expect.stringMatching(/signature\.replayed/) })
  })

  it('refuses signatures that do not hold, and the inbox of another', async () => {
    const { client } = await openV3()
    const [one, two] = [await firstUpdate(), await firstUpdate()]
    const later = { ...one.identityUpdate, clientTimestampNs: 9_000_000_000n }
    await expect(
      client.unary(`${identity}/PublishIdentityUpdate`, publish(later)),
    ).rejects.toMatchObject({ code: 3 })
    const moved = { ...one.identityUpdate, inboxId: two.inboxId }
    await expect(
      client.unary(`${identity}/PublishIdentityUpdate`, publish(moved)),
    ).rejects.toMatchObject({ code: 3 })
    const found = GetInboxIdsResponse.decode(
      await client.unary(
        `${identity}/GetInboxIds`,
        GetInboxIdsRequest.encode({
          requests: [
            { identifier: one.address, identifierKind: IdentifierKind.IDENTIFIER_KIND_ETHEREUM },
          ],
        }).finish(),
      ),
    )
    expect(found.responses[0]?.inboxId).toBeUndefined()
  })

  it('says that contract wallets cannot be asked about without a chain', async () => {
    const { client } = await openV3()
    const accountId = `eip155:1:0x${'ab'.repeat(20)}`
    const answer = VerifySmartContractWalletSignaturesResponse.decode(
      await client.unary(
        `${identity}/VerifySmartContractWalletSignatures`,
        VerifySmartContractWalletSignaturesRequest.encode({
          signatures: [
            { accountId, blockNumber: undefined, signature: group, hash: new Uint8Array(32) },
          ],
        }).finish(),
      ),
    )
    expect(answer.responses).toEqual([
      {
        isValid: false,
        blockNumber: undefined,
        error: expect.stringContaining('verifier not present for chain ID eip155:1'),
      },
    ])
  })
})
