import type { Transport } from '../../transport/transport.ts'

/** How often each call was made. */
export type ApiStats = {
  readonly uploadKeyPackage: bigint
  readonly fetchKeyPackage: bigint
  readonly sendGroupMessages: bigint
  readonly sendWelcomeMessages: bigint
  readonly queryGroupMessages: bigint
  readonly queryWelcomeMessages: bigint
  readonly subscribeMessages: bigint
  readonly subscribeWelcomes: bigint
}

export type IdentityStats = {
  readonly publishIdentityUpdate: bigint
  readonly getIdentityUpdatesV2: bigint
  readonly getInboxIds: bigint
  readonly verifySmartContractWalletSignature: bigint
}

/** A transport that counts its calls. */
export type Counted = { readonly transport: Transport; readonly counts: Map<string, bigint> }

export function countCalls(inner: Transport): Counted {
  const counts = new Map<string, bigint>()
  const count = (path: string) => counts.set(path, (counts.get(path) ?? 0n) + 1n)
  return {
    counts,
    transport: {
      unary(path, request, options) {
        count(path)
        return inner.unary(path, request, options)
      },
      serverStream(path, request, options) {
        count(path)
        return inner.serverStream(path, request, options)
      },
    },
  }
}

const mls = '/xmtp.mls.api.v1.MlsApi/'
const identity = '/xmtp.identity.api.v1.IdentityApi/'

/** What a client asked of its node so far. */
export class DebugInformation {
  readonly #counts: Map<string, bigint>

  constructor(counts: Map<string, bigint>) {
    this.#counts = counts
  }

  apiStatistics(): ApiStats {
    return {
      uploadKeyPackage: this.#of(`${mls}UploadKeyPackage`),
      fetchKeyPackage: this.#of(`${mls}FetchKeyPackages`),
      sendGroupMessages: this.#of(`${mls}SendGroupMessages`),
      sendWelcomeMessages: this.#of(`${mls}SendWelcomeMessages`),
      queryGroupMessages: this.#of(`${mls}QueryGroupMessages`),
      queryWelcomeMessages: this.#of(`${mls}QueryWelcomeMessages`),
      subscribeMessages: this.#of(`${mls}SubscribeGroupMessages`),
      subscribeWelcomes: this.#of(`${mls}SubscribeWelcomeMessages`),
    }
  }

  apiIdentityStatistics(): IdentityStats {
    return {
      publishIdentityUpdate: this.#of(`${identity}PublishIdentityUpdate`),
      getIdentityUpdatesV2: this.#of(`${identity}GetIdentityUpdates`),
      getInboxIds: this.#of(`${identity}GetInboxIds`),
      verifySmartContractWalletSignature: this.#of(
        `${identity}VerifySmartContractWalletSignatures`,
      ),
    }
  }

  /** All calls, one a line, the most frequent first. */
  apiAggregateStatistics(): string {
    return [...this.#counts]
      .toSorted(([, a], [, b]) => Number(b - a))
      .map(([path, count]) => `${path.split('/').at(-1)}: ${count}`)
      .join('\n')
  }

  clearAllStatistics(): void {
    this.#counts.clear()
  }

  #of(path: string): bigint {
    return this.#counts.get(path) ?? 0n
  }
}
