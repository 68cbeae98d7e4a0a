import { createEVM, type EVM } from '@ethereumjs/evm'
import { createAddressFromString } from '@ethereumjs/util'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { bytesToHex, hexToBytes, type Hex } from 'viem'

/** A contract, and the block in which it came to be. */
export type Deployed = { readonly address: Hex; readonly program: Hex; readonly block: number }

export type EvmChain = AsyncDisposable & { readonly url: string }

const gasOfOneCall = 3_000_000n

/**
 * A chain of its own with the JSON-RPC of a server that keeps every block: `eth_blockNumber`, and `eth_call` without a
 * receiver, run by an EVM on the contracts that were there at the block.
 */
export async function openEvmChain(
  latest: number,
  contracts: readonly Deployed[],
): Promise<EvmChain> {
  const answer = async (method: string, params: readonly unknown[]): Promise<object> => {
    if (method === 'eth_blockNumber') return { result: `0x${latest.toString(16)}` }
    if (method !== 'eth_call') return { error: { code: -32_601, message: 'method not found' } }
    const [{ data }, block] = params as [{ data: Hex }, string]
    if (Number(block) > latest) return { error: { code: -32_000, message: 'header not found' } }
    return call(await evmAt(Number(block), contracts), data)
  }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { id, method, params } = JSON.parse(Buffer.concat(chunks).toString())
      void answer(method, params).then((body) =>
        response.end(JSON.stringify({ jsonrpc: '2.0', id, ...body })),
      )
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function evmAt(block: number, contracts: readonly Deployed[]): Promise<EVM> {
  const evm = await createEVM()
  for (const each of contracts)
    if (each.block <= block)
      await evm.stateManager.putCode(
        createAddressFromString(each.address),
        hexToBytes(each.program),
      )
  return evm
}

/** In the words of geth. */
async function call(evm: EVM, data: Hex): Promise<object> {
  const { execResult } = await evm.runCall({ data: hexToBytes(data), gasLimit: gasOfOneCall })
  const { exceptionError, returnValue } = execResult
  if (exceptionError === undefined) return { result: bytesToHex(returnValue) }
  return exceptionError.error === 'revert'
    ? { error: { code: 3, message: 'execution reverted', data: bytesToHex(returnValue) } }
    : { error: { code: -32_000, message: exceptionError.error } }
}
