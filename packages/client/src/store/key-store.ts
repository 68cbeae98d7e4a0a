import type { Address } from '@xmtp-ts/protocol'

/**
 * Keeps private key bundles on this device instead of in the network's private store. What it holds is secret.
 * A failing store rejects; it never answers "none" for a bundle that it cannot read: new keys would replace the
 * account's identity.
 */
export interface KeyStore {
  /** @returns an encoded PrivateKeyBundle, or undefined if none was ever saved */
  load(account: Address): Promise<Uint8Array | undefined>
  /** Durable when it resolves; replaces what was there in one step. */
  save(account: Address, bundle: Uint8Array): Promise<void>
}

/** Keys that live as long as the process. */
export function memoryKeyStore(): KeyStore {
  const bundles = new Map<Address, Uint8Array>()
  return {
    load: async (account) => bundles.get(account)?.slice(),
    async save(account, bundle) {
      bundles.set(account, bundle.slice())
    },
  }
}
