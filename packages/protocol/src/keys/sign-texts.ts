import { bytesToHex } from '../bytes.ts'

const footer = 'For more info: https://xmtp.org/signatures/'

/** What a wallet signs to own an identity key (v1-v2 §3.2). `keyBytes`: the encoded unsigned key. */
export function createIdentityText(keyBytes: Uint8Array): string {
  return `XMTP : Create Identity\n${bytesToHex(keyBytes)}\n\n${footer}`
}

/** What a wallet signs to encrypt its private key bundle (v1-v2 §4). `walletPreKey`: 32 random bytes. */
export function enableIdentityText(walletPreKey: Uint8Array): string {
  return `XMTP : Enable Identity\n${bytesToHex(walletPreKey)}\n\n${footer}`
}
