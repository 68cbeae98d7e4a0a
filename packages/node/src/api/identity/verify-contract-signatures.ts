import {
  VerifySmartContractWalletSignaturesRequest,
  VerifySmartContractWalletSignaturesResponse,
  type VerifySmartContractWalletSignatureRequestSignature as Asked,
  type VerifySmartContractWalletSignaturesResponse_ValidationResponse as Answer,
} from '@xmtp-ts/proto/identity/api/v1/identity'
import { v3, XmtpError } from '@xmtp-ts/protocol'
import { maxContractChecks } from '../../limits.ts'
import { decodeRequest } from '../decode.ts'
import type { UnaryMethod } from '../method.ts'
import { admit, checkCount, type V3Services } from '../v3-services.ts'

/** IdentityApi.VerifySmartContractWalletSignatures (node-api §8.4): what is wrong, is wrong alone, with its reason. */
export function verifyContractSignaturesMethod(services: V3Services): UnaryMethod {
  return {
    path: '/xmtp.identity.api.v1.IdentityApi/VerifySmartContractWalletSignatures',
    kind: 'unary',
    handle: async (request, call) => {
      const { signatures } = decodeRequest(VerifySmartContractWalletSignaturesRequest, request)
      admit(services, call)
      checkCount(signatures.length, { max: maxContractChecks, what: 'signatures in single call' })
      const answers = signatures.map((signature) => verify(signature, services.contracts))
      const responses = await Promise.all(answers)
      return VerifySmartContractWalletSignaturesResponse.encode({ responses }).finish()
    },
  }
}

async function verify(asked: Asked, contracts: v3.ContractVerifier): Promise<Answer> {
  const { accountId, blockNumber, signature, hash } = asked
  try {
    const account = v3.parseAccountId(accountId)
    const verdict = await contracts.verify({ account, blockNumber, signature, hash })
    return { isValid: verdict.isValid, blockNumber: verdict.blockNumber, error: verdict.reason }
  } catch (error) {
    // What passes is for the whole call: as a verdict it would be read as a no.
    if (!(error instanceof XmtpError) || error.retry) throw error
    return { isValid: false, blockNumber: undefined, error: error.message }
  }
}
