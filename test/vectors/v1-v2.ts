import { readFileSync } from 'node:fs'
import {
  decodePrivateKeyBundle,
  type PrivateKeyBundle,
  type Random,
} from '@xmtp-ts/protocol'

/** Reads one of our vector files. */
export function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`v1-v2/${name}.json`, import.meta.url), 'utf8')) as T
}

export const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

export const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'hex'))

/** Gives out the parts in turn; the vectors say which randomness their maker had. */
export function scripted(...parts: readonly string[]): Random {
  const queue = parts.map(bytes)
  return (sizeBytes) => {
    const next = queue.shift()
    if (next?.length !== sizeBytes) throw new Error(`No ${sizeBytes} random bytes are left.`)
    return next
  }
}

export type SignatureVector = { kind: string; bytes: string; recovery: 0 | 1 }

export type KeyVector = {
  privateKey: string
  publicKey: string
  keyBytes: string
  timestampMs?: string
  createdNs?: string
  signature: SignatureVector
}

export type AccountVector = {
  name: string
  walletPrivateKey: string
  address: string
  createIdentityText: string
  createIdentityWalletSignature: string
  identityKey: KeyVector
  preKeys: KeyVector[]
  privateKeyBundle?: string
  privateKeyBundleAsV2?: string
  publicKeyBundle?: string
  signedPublicKeyBundle: string
  contactBundleV1?: string
  contactBundleV2: string
}

const accounts = vectors<{ legacy: AccountVector[]; native: AccountVector[] }>('accounts')

export const legacyAccounts = accounts.legacy
export const nativeAccounts = accounts.native

export function account(name: string): AccountVector & { keys: PrivateKeyBundle } {
  const found = [...legacyAccounts, ...nativeAccounts].find((candidate) => candidate.name === name)
  if (found === undefined) throw new Error(`No account ${name}.`)
  const encoded = found.privateKeyBundle ?? found.privateKeyBundleAsV2
  if (encoded === undefined) throw new Error(`Account ${name} has no bundle.`)
  return { ...found, keys: decodePrivateKeyBundle(bytes(encoded)) }
}
