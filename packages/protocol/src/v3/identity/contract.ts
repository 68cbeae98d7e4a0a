import { personalMessageDigest } from '../../crypto/signature.ts'
import { XmtpError } from '../../errors.ts'
import type { AccountId } from './account-id.ts'
import { signaturesOf } from './action.ts'
import { signatureKey, type ContractSignature } from './signature.ts'
import { identityUpdateText } from './text.ts'
import type { IdentityUpdate } from './update.ts'

/** A question to a chain: did this contract wallet sign this hash (v3-mls §1.5)? */
export type ContractCheck = {
  readonly account: AccountId
  /** 32 bytes; of an identity update, the EIP-191 hash of its text */
  readonly hash: Uint8Array
  readonly signature: Uint8Array
  /** The block to ask at; undefined for the latest. */
  readonly blockNumber: bigint | undefined
}

/** The answer, with the block that was asked. */
export type ContractVerdict = {
  readonly isValid: boolean
  readonly blockNumber: bigint | undefined
  /** Why not, for the one who asked. */
  readonly reason?: string
}

/**
 * Who asks the chains. Checks are independent and may be answered from a cache keyed by all of their fields once a
 * block is named. A contract that says no is a verdict; a chain that cannot be asked is an XmtpError, thrown with a
 * code that says whether to come again.
 */
export interface ContractVerifier {
  verify(check: ContractCheck): Promise<ContractVerdict>
}

/** Verdicts on the checks of one update, made by `askContracts`. */
export type ContractVerdicts = ReadonlyMap<string, ContractVerdict>

/** For nodes and clients without access to any chain. */
export const noChains: ContractVerifier = {
  verify({ account }) {
    return Promise.reject(
      new XmtpError(
        'v3.identity.contract.notConfigured',
        `verifier not present for chain ID eip155:${account.chainId}.`,
      ),
    )
  },
}

/** The distinct contract signatures of an update, each with its question. Most updates have none. */
export function contractChecks(update: IdentityUpdate): ReadonlyMap<string, ContractCheck> {
  const signatures = update.actions
    .flatMap(signaturesOf)
    .filter((signature): signature is ContractSignature => signature.kind === 'erc1271')
  const checks = new Map<string, ContractCheck>()
  if (signatures.length === 0) return checks
  const hash = personalMessageDigest(identityUpdateText(update))
  for (const signature of signatures) {
    const { account, bytes, blockNumber } = signature
    checks.set(signatureKey(signature), { account, hash, signature: bytes, blockNumber })
  }
  return checks
}

/**
 * Has every contract signature of an update answered, before `verifyIdentityUpdate` goes on without waiting.
 * @throws XmtpError what the verifier throws when a chain cannot be asked
 */
export async function askContracts(
  update: IdentityUpdate,
  verifier: ContractVerifier,
): Promise<ContractVerdicts> {
  const answers = [...contractChecks(update)].map(
    async ([key, check]) => [key, await verifier.verify(check)] as const,
  )
  return new Map(await Promise.all(answers))
}
