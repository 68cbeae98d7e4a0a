import {
  createChainVerifier,
  createLogger,
  openMemoryV3Store,
  parseNodeConfig,
} from '@xmtp-ts/node'
import {
  GetInboxIdsRequest,
  GetInboxIdsResponse,
  PublishIdentityUpdateRequest,
  VerifySmartContractWalletSignaturesRequest,
  VerifySmartContractWalletSignaturesResponse,
} from '@xmtp-ts/proto/identity/api/v1/identity'
import { IdentifierKind, IdentityUpdate } from '@xmtp-ts/proto/identity/associations/association'
import { v3 } from '@xmtp-ts/protocol'
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { encodeAbiParameters } from 'viem'
import { describe, expect, it } from 'vitest'
import { closeAfterEach, grpcClient, later, startNode } from './support.ts'

closeAfterEach()

const identity = '/xmtp.identity.api.v1.IdentityApi'
const address = `0x${'ab'.repeat(20)}`
const account = v3.parseAccountId(`eip155:1:${address}`)
const hash = new Uint8Array(32).fill(5)
const signature = new Uint8Array(70).fill(6)
/** Of the program as libxmtp has it, 1,792 bytes (crates/xmtp_id/src/scw_verifier/signature_validation.hex). */
const validatorDigest = 'ee4f10dc27735f5f8fd686ddf765fe4f124a45dd339581347f53a1b0c8dfe24c'

type Asked = { readonly method: string; readonly params: readonly unknown[] }

/** A chain's server with the answers of a test: what is returned is the rest of the JSON-RPC answer, or a whole body. */
async function chain(answer: (asked: Asked) => object | string | Promise<object | string>) {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const call = JSON.parse(Buffer.concat(chunks).toString()) as Asked & { id: number }
      asked.push(call)
      void Promise.resolve(answer(call)).then((body) => {
        return response.end(
          typeof body === 'string'
            ? body
            : JSON.stringify({ jsonrpc: '2.0', id: call.id, ...body }),
        )
      })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  later(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/key`, asked }
}

const says =
  (result: string) =>
  ({ method }: Asked) =>
    method === 'eth_blockNumber' ? { result: '0x10' } : { result }

const check = (blockNumber?: bigint): v3.ContractCheck => ({
  account,
  hash,
  signature,
  blockNumber,
})

const verifier = (url: string, timeoutMs = 10_000) =>
  createChainVerifier({ urls: new Map([[1n, url]]), timeoutMs })

describe('a chain', () => {
  it('is asked with the validator and its arguments, at the block that is named', async () => {
    const { url, asked } = await chain(says('0x01'))
    expect(await verifier(url).verify(check(255n))).toEqual({ isValid: true, blockNumber: 255n })
    const [{ data }, block] = asked[0]!.params as [{ data: string }, string]
    expect([asked.length, asked[0]!.method, block]).toEqual([1, 'eth_call', '0xff'])
    const args = encodeAbiParameters(
      [{ type: 'address' }, { type: 'bytes32' }, { type: 'bytes' }],
      [
        address as `0x${string}`,
        `0x${Buffer.from(hash).toString('hex')}`,
        `0x${Buffer.from(signature).toString('hex')}`,
      ],
    ).slice(2)
    expect(data.endsWith(args)).toBe(true)
    const program = Buffer.from(data.slice(2, -args.length), 'hex')
    expect(createHash('sha256').update(program).digest('hex')).toBe(validatorDigest)
  })

  it('is asked at its latest block otherwise, which is then named and remembered', async () => {
    const { url, asked } = await chain(says('0x01'))
    const chains = verifier(url)
    expect(await chains.verify(check())).toEqual({ isValid: true, blockNumber: 16n })
    expect(await chains.verify(check(16n))).toEqual({ isValid: true, blockNumber: 16n })
    expect(asked.map(({ method }) => method)).toEqual(['eth_blockNumber', 'eth_call'])
    await chains.verify({ ...check(16n), hash: new Uint8Array(32) })
    expect(asked).toHaveLength(3)
  })

  it.each([
    ['says no', { result: '0x00' }],
    ['answers nothing', { result: '0x' }],
    ['answers a whole word', { result: `0x${'0'.repeat(63)}1` }],
    ['reverts', { error: { code: 3, message: 'execution reverted' } }],
    ['reverts in its own words', { error: { code: -32_000, message: 'VM Exception: revert' } }],
  ])('gives a no when the wallet %s', async (_name, answer) => {
    const { url } = await chain(() => answer)
    expect(await verifier(url).verify(check(1n))).toMatchObject({ isValid: false, blockNumber: 1n })
  })

  it.each<[string, object | string | (() => Promise<string>)]>([
    ['an error of the server', { error: { code: -32_000, message: 'header not found' } }],
    ['no data', { result: 7 }],
    ['no JSON-RPC', { other: 1 }],
    ['no JSON', '<html>502</html>'],
    ['more than fits', `{"result":"0x${'0'.repeat(70_000)}"}`],
    ['nothing in time', () => wait(5_000, '')],
  ])('is unavailable when it answers %s, and says nothing of its URL', async (_name, answer) => {
    const { url } = await chain(() => (typeof answer === 'function' ? answer() : answer))
    const failed = await verifier(url, typeof answer === 'function' ? 100 : undefined)
      .verify(check(1n))
      .catch((error: unknown) => error as Error)
    expect(failed).toMatchObject({ code: 'node.chain.unavailable', retry: true })
    expect((failed as Error).message).not.toMatch(/127\.0\.0\.1|key/)
  })

  it('is unavailable when nobody listens', async () => {
    await expect(verifier('http://127.0.0.1:1/').verify(check(1n))).rejects.toMatchObject({
      code: 'node.chain.unavailable',
    })
  })

  it('is asked at most 16 things at one time', async () => {
    let running = 0
    let most = 0
    const { url, asked } = await chain(async () => {
      running += 1
      most = Math.max(most, running)
      await wait(5)
      running -= 1
      return { result: '0x01' }
    })
    const chains = verifier(url)
    const all = Array.from({ length: 60 }, (_, index) => chains.verify(check(BigInt(index + 1))))
    await Promise.all(all)
    expect([asked.length, most <= 16]).toEqual([60, true])
  })

  it('that is not configured is said to be so', async () => {
    const { url } = await chain(says('0x01'))
    const other = { ...check(1n), account: v3.parseAccountId(`eip155:10:${address}`) }
    await expect(verifier(url).verify(other)).rejects.toMatchObject({
      code: 'v3.identity.contract.notConfigured',
      message: expect.stringContaining('verifier not present for chain ID eip155:10'),
    })
  })
})

describe('the setting', () => {
  it('names a URL for each chain, in lists and in one text', () => {
    const expected = new Map([
      [1n, 'https://a.example/x,y?key=1'],
      [8453n, 'http://b.example'],
    ])
    const one = 'eip155:1=https://a.example/x,y?key=1'
    const two = 'eip155:8453=http://b.example'
    expect(parseNodeConfig({ chainRpc: [one, two] }).chains).toEqual(expected)
    expect(parseNodeConfig({ chainRpc: `${one},${two}` }).chains).toEqual(expected)
  })

  it.each(['https://a.example', 'eip155:1=ftp://a.example', 'eip155:x=https://a.example'])(
    'refuses %s without repeating it',
    (chainRpc) => {
      expect(() => parseNodeConfig({ chainRpc })).toThrow(/chainRpc must be(?!.*a\.example)/)
    },
  )
})

describe('contract wallets on the node', () => {
  async function open(answer: Parameters<typeof chain>[0]) {
    const { url, asked } = await chain(answer)
    const lines: string[] = []
    const logger = createLogger({ format: 'json', write: (line) => void lines.push(line) })
    const contracts = verifier(url)
    const node = await startNode({ v3: openMemoryV3Store(), contracts, logger })
    return { client: grpcClient(node), asked, lines, url }
  }

  const owner = v3.ethereumIdentifier(address)
  const inboxId = v3.deriveInboxId(owner, 1n)

  const publish = (client: ReturnType<typeof grpcClient>) => {
    const contract = { kind: 'erc1271' as const, account, bytes: signature, blockNumber: 16n }
    const action = {
      kind: 'createInbox' as const,
      identifier: owner,
      nonce: 1n,
      signature: contract,
    }
    const update = { inboxId, clientTimestampNs: 1_000_000_000n, actions: [action] }
    const identityUpdate = IdentityUpdate.decode(v3.encodeIdentityUpdate(update))
    return client.unary(
      `${identity}/PublishIdentityUpdate`,
      PublishIdentityUpdateRequest.encode({ identityUpdate }).finish(),
    )
  }

  const inboxOf = async (client: ReturnType<typeof grpcClient>) => {
    const identifierKind = IdentifierKind.IDENTIFIER_KIND_ETHEREUM
    const request = { requests: [{ identifier: address, identifierKind }] }
    return GetInboxIdsResponse.decode(
      await client.unary(`${identity}/GetInboxIds`, GetInboxIdsRequest.encode(request).finish()),
    ).responses[0]!.inboxId
  }

  const verify = async (client: ReturnType<typeof grpcClient>, accountId: string, digest = hash) =>
    VerifySmartContractWalletSignaturesResponse.decode(
      await client.unary(
        `${identity}/VerifySmartContractWalletSignatures`,
        VerifySmartContractWalletSignaturesRequest.encode({
          signatures: [{ accountId, blockNumber: undefined, signature, hash: digest }],
        }).finish(),
      ),
    ).responses[0]!

  it('publish updates that their contract signed', async () => {
    const { client, asked } = await open(says('0x01'))
    await publish(client)
    expect(await inboxOf(client)).toBe(inboxId)
    expect(asked[0]!.params[1]).toBe('0x10')
  })

  it('publish none that it did not sign', async () => {
    const { client } = await open(says('0x00'))
    await expect(publish(client)).rejects.toMatchObject({
      code: 3,
      details: expect.stringMatching(/the wallet says no/),
    })
    expect(await inboxOf(client)).toBeUndefined()
  })

  it('hear UNAVAILABLE while the chain does not answer, and nothing is stored; the operator hears why', async () => {
    const { client, lines, url } = await open(() => 'busy')
    await expect(publish(client)).rejects.toMatchObject({ code: 14 })
    await expect(verify(client, account.text)).rejects.toMatchObject({ code: 14 })
    expect(await inboxOf(client)).toBeUndefined()
    expect(lines.map((line) => JSON.parse(line).event)).toEqual(['api.failed', 'api.failed'])
    expect(lines[0]).toContain('eip155:1 did not answer')
    expect(lines.join('\n')).not.toContain(new URL(url).pathname)
  })

  it('do not hear what the server of the chain says of itself; the operator does', async () => {
    const message = 'key 1234 has no credit'
    const { client, lines } = await open(() => ({ error: { code: -32_000, message } }))
    await expect(publish(client)).rejects.toMatchObject({
      code: 14,
      details: 'eip155:1 cannot be asked',
    })
    expect(lines.join()).toContain(message)
  })

  it('are verified one by one, with the block, or the reason why not', async () => {
    const { client } = await open(says('0x01'))
    expect(await verify(client, account.text)).toMatchObject({ isValid: true, blockNumber: 16n })
    expect(await verify(client, `eip155:5:${address}`)).toMatchObject({
      isValid: false,
      error: expect.stringContaining('verifier not present for chain ID eip155:5'),
    })
    expect(await verify(client, 'somebody')).toMatchObject({ isValid: false })
    expect(await verify(client, account.text, new Uint8Array(31))).toMatchObject({
      isValid: false,
      error: expect.stringContaining('31 bytes'),
    })
  })
})
