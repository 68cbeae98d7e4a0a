import type { v3 } from '@xmtp-ts/protocol'
import { validatorBytecode } from './validator-bytecode.ts'

const wordBytes = 32

/** What a chain is asked: the program, then `(address, bytes32, bytes)` as the ABI of contracts writes them. */
export function validatorCall({ account, hash, signature }: v3.ContractCheck): string {
  return `0x${validatorBytecode}${Buffer.concat([
    word(Buffer.from(account.address.slice(2), 'hex')),
    Buffer.from(hash),
    // Where the bytes are: behind three words.
    number(3 * wordBytes),
    number(signature.length),
    Buffer.from(signature),
    Buffer.alloc((wordBytes - (signature.length % wordBytes)) % wordBytes),
  ]).toString('hex')}`
}

/** The one answer that means yes. */
export const validAnswer = '0x01'

function word(bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.alloc(wordBytes - bytes.length), bytes])
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(wordBytes)
  bytes.writeUInt32BE(value, wordBytes - 4)
  return bytes
}
