import { readFileSync } from 'node:fs'
import { addressOfPoint, personalMessageDigest, publicPoint, signDigest, v3 } from '@xmtp-ts/protocol'

/** Reads one of our V3 vector files. */
export function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`${name}.json`, import.meta.url), 'utf8')) as T
}

export const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

export const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'hex'))

export type InboxStateVector = {
  inboxId: string
  recoveryIdentifier: { identifier: string; identifierKind: number }
  installations: { id: string; clientTimestampNs: string }[]
  identifiers: { identifier: string; identifierKind: number }[]
}

export type LogEvent =
  | { t: 'wallet_signature'; wallet: string; text: string; signature: string }
  | { t: 'identity_update'; inboxId: string; sequenceId: number; bytes: string }
  | {
      t: 'note'
      label?: string
      inboxState?: InboxStateVector
      lookup?: { second: string; first: string | null }
    }

export type LogCapture = {
  capture: string
  wallets: { name: string; address: string; privateKey: string }[]
  installations: {
    name: string
    inboxId: string
    installationId: string
    signaturePrivateKey: string
  }[]
  timeline: LogEvent[]
}

export const captures = vectors<LogCapture[]>('identity-logs')

/** A wallet of the tests: signs like one, with 27 or 28 as v. */
export type TestWallet = {
  readonly secret: Uint8Array
  readonly identifier: v3.EthereumIdentifier
  readonly sign: (text: string) => v3.WalletSignature
}

export function testWallet(secret: Uint8Array): TestWallet {
  return {
    secret,
    identifier: v3.ethereumIdentifier(addressOfPoint(publicPoint(secret))),
    sign: (text) => {
      const { bytes: rs, recovery } = signDigest(secret, personalMessageDigest(text))
      return { kind: 'erc191', bytes: Uint8Array.of(...rs, 27 + recovery) }
    },
  }
}
