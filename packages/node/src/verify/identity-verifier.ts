import { v3 } from '@xmtp-ts/protocol'

/**
 * The port to checking the signatures of identity updates: some 2 ms of a core for the usual two, half a second for
 * the most that an update may have. Adapters: this file, for tests and for running from sources, and
 * `worker-pool.ts`.
 */
export interface IdentityVerifier extends AsyncDisposable {
  /** @throws XmtpError `v3.identity.signature.*`; `node.overloaded` when too many wait */
  verify(
    update: v3.IdentityUpdate,
    verdicts: v3.ContractVerdicts,
  ): Promise<v3.VerifiedIdentityUpdate>
}

/** Verifies on the caller's own thread. */
export function createInThreadVerifier(): IdentityVerifier {
  return {
    verify: async (update, verdicts) => v3.verifyIdentityUpdate(update, verdicts),
    async [Symbol.asyncDispose]() {},
  }
}
