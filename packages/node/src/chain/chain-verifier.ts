import { createHash } from 'node:crypto'
import { v3, XmtpError } from '@xmtp-ts/protocol'
import {
  maxChainCalls,
  maxChainWaiting,
  maxContractSignatureBytes,
  maxContractVerdicts,
} from '../limits.ts'
import { createRpc, type RpcCall } from './json-rpc.ts'
import { createTurnstile } from './turnstile.ts'
import { validAnswer, validatorCall } from './validator-call.ts'

export type ChainOptions = {
  /** By chain id, the URL of a JSON-RPC server. */
  readonly urls: ReadonlyMap<bigint, string>
  /** Milliseconds for one call. */
  readonly timeoutMs?: number
}

/**
 * Asks the chains whether contract wallets signed (v3-mls §1.5): the validator's program as a call without a receiver,
 * at the block that the check names or at the latest, whose number is in the answer.
 *
 * A program that reverts is a no. A server that fails in any other way is `node.chain.unavailable`; a chain that has
 * none, `v3.identity.contract.notConfigured`.
 */
export function createChainVerifier({ urls, timeoutMs }: ChainOptions): v3.ContractVerifier {
  const chains = new Map(
    [...urls].map(([id, url]) => [id, createRpc(url, { chain: `eip155:${id}`, timeoutMs })]),
  )
  const turnstile = createTurnstile({ running: maxChainCalls, waiting: maxChainWaiting })
  const verdicts = createVerdictCache()
  return {
    verify: async (check) => {
      requireBounds(check)
      const rpc = chains.get(check.account.chainId)
      if (rpc === undefined) return v3.noChains.verify(check)
      const { blockNumber } = check
      const known = blockNumber === undefined ? undefined : verdicts.get(check, blockNumber)
      if (known !== undefined) return known
      return turnstile.run(async () => {
        const block = blockNumber ?? (await latestBlock(rpc, check.account))
        const verdict = await askValidator(rpc, { ...check, blockNumber: block })
        verdicts.set(check, verdict)
        return verdict
      })
    },
  }
}

function requireBounds({ hash, signature }: v3.ContractCheck): void {
  if (hash.length !== 32)
    throw new XmtpError(
      'v3.identity.signature.malformed',
      `A hash has ${hash.length} bytes instead of 32.`,
    )
  if (signature.length > maxContractSignatureBytes)
    throw new XmtpError(
      'v3.identity.signature.malformed',
      `A contract signature has over ${maxContractSignatureBytes} bytes.`,
    )
}

async function latestBlock(rpc: RpcCall, account: v3.AccountId): Promise<bigint> {
  const answer = await rpc('eth_blockNumber', [])
  if (!answer.ok) throw unavailable(account, answer.message)
  const { result } = answer
  if (typeof result !== 'string' || !/^0x[0-9a-fA-F]{1,16}$/.test(result))
    throw unavailable(account, 'its block number is none')
  return BigInt(result)
}

async function askValidator(
  rpc: RpcCall,
  check: v3.ContractCheck & { readonly blockNumber: bigint },
): Promise<Verdict> {
  const { blockNumber, account } = check
  const call = { data: validatorCall(check) }
  const answer = await rpc('eth_call', [call, `0x${blockNumber.toString(16)}`])
  if (!answer.ok) {
    if (!isRevert(answer)) throw unavailable(account, answer.message)
    return { isValid: false, blockNumber, reason: 'the wallet reverts' }
  }
  const { result } = answer
  if (typeof result !== 'string' || !/^0x[0-9a-fA-F]*$/.test(result))
    throw unavailable(account, 'its answer is no data')
  return result === validAnswer
    ? { isValid: true, blockNumber }
    : { isValid: false, blockNumber, reason: 'the wallet says no' }
}

/** Code 3 is what servers agree on; some say it only in words. */
function isRevert({ code, message }: { readonly code: number; readonly message: string }): boolean {
  return code === 3 || /revert/i.test(message)
}

/** What a server says of itself is for the operator; callers hear which chain it is. */
function unavailable({ chainId }: v3.AccountId, reason: string): XmtpError {
  const text = `eip155:${chainId} cannot be asked`
  return new XmtpError('node.chain.unavailable', `${text}: ${reason}.`, { details: { text } })
}

type Verdict = v3.ContractVerdict & { readonly blockNumber: bigint }

/** What a wallet said at a block does not change. The oldest verdicts are forgotten first. */
function createVerdictCache() {
  const verdicts = new Map<string, Verdict>()
  return {
    get: (check: v3.ContractCheck, blockNumber: bigint): Verdict | undefined =>
      verdicts.get(verdictKey(check, blockNumber)),
    set: (check: v3.ContractCheck, verdict: Verdict): void => {
      verdicts.set(verdictKey(check, verdict.blockNumber), verdict)
      if (verdicts.size <= maxContractVerdicts) return
      const [oldest = ''] = verdicts.keys()
      verdicts.delete(oldest)
    },
  }
}

function verdictKey({ account, hash, signature }: v3.ContractCheck, blockNumber: bigint): string {
  return createHash('sha256')
    .update(`${account.chainId} ${account.address} ${blockNumber} `)
    .update(hash)
    .update(signature)
    .digest('base64')
}
