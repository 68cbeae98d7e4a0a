import { bytesFromHex, bytesToHex, utf8 } from './bytes.ts'
import type { Brand } from './brand.ts'
import { XmtpError } from './errors.ts'
import { platform } from '#platform'

/** An account address, `0x` and 40 hex digits in the mixed case of EIP-55. */
export type Address = Brand<string, 'Address'>

/**
 * Reads an address: all lower case, or a correct EIP-55 checksum (v1-v2 §7).
 * @throws XmtpError `address.malformed`
 */
export function parseAddress(text: string): Address {
  const digits = /^0x([0-9a-fA-F]{40})$/.exec(text)?.[1]
  if (digits === undefined)
    throw new XmtpError('address.malformed', `${JSON.stringify(text.slice(0, 60))} is no address.`)
  const address = checksummed(digits.toLowerCase())
  if (digits !== digits.toLowerCase() && address !== text)
    throw new XmtpError('address.malformed', `The checksum of ${text} is wrong.`)
  return address
}

/** The address of a public point of 65 bytes: the last 20 bytes of its Keccak-256. */
export function addressOfPoint(point: Uint8Array): Address {
  return checksummed(bytesToHex(platform.keccak256(point.subarray(1)).subarray(12)))
}

/** The 20 bytes of an address. */
export function addressBytes(address: Address): Uint8Array {
  return bytesFromHex(address.slice(2)) ?? new Uint8Array()
}

function checksummed(lowerDigits: string): Address {
  const hash = bytesToHex(platform.keccak256(utf8(lowerDigits)))
  const cased = Array.from(lowerDigits, (digit, index) =>
    (hash.codePointAt(index) ?? 0) >= 0x38 ? digit.toUpperCase() : digit,
  )
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- 40 hex digits, cased by EIP-55 just above
  return `0x${cased.join('')}` as Address
}
