import { XmtpError } from '../../errors.ts'

/** A contract wallet on one EVM chain (CAIP-10). */
export type AccountId = {
  /** `eip155:<chain id>:<address>` as it came */
  readonly text: string
  readonly chainId: bigint
  /** lower case */
  readonly address: string
}

const shape = /^eip155:([0-9]{1,32}):(0x[0-9a-fA-F]{40})$/
const maxUint64 = 0xffff_ffff_ffff_ffffn

/** @throws XmtpError `v3.identity.accountId.malformed` */
export function parseAccountId(text: string): AccountId {
  const [, chain, address] = shape.exec(text) ?? []
  const chainId = chain === undefined ? undefined : BigInt(chain)
  if (chainId === undefined || address === undefined || chainId > maxUint64)
    throw new XmtpError(
      'v3.identity.accountId.malformed',
      `${JSON.stringify(text.slice(0, 120))} names no account of an EVM chain.`,
    )
  return { text, chainId, address: address.toLowerCase() }
}

export function formatAccountId({ chainId, address }: Omit<AccountId, 'text'>): string {
  return `eip155:${chainId}:${address}`
}

/** Whether the text has no second spelling: newer libxmtp refuses leading zeros, older ones accept them. */
export function isCanonicalAccountId({ text, chainId }: AccountId): boolean {
  return text.startsWith(`eip155:${chainId}:`)
}
