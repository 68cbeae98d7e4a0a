import type { ContentCodec } from './codec.ts'
import type { ContentTypeId } from './content-type.ts'
import { decodeJson, encodeJson, list, optional, text, texts, undecodable } from './json.ts'

/** What a wallet is asked to do, as in EIP-5792. Nothing here is to be trusted more than its sender. */
export type WalletSendCalls = {
  readonly version: string
  /** Hex. */
  readonly chainId: string
  readonly from: string
  readonly calls: readonly WalletCall[]
  readonly capabilities?: Readonly<Record<string, string>> | undefined
}

export type WalletCall = {
  readonly to?: string | undefined
  readonly data?: string | undefined
  readonly value?: string | undefined
  readonly gas?: string | undefined
  readonly metadata?: WalletCallMetadata | undefined
}

export type WalletCallMetadata = Readonly<Record<string, string>> & {
  readonly description: string
  readonly transactionType: string
}

/** A request to the reader's wallet. */
export const walletSendCallsType: ContentTypeId = {
  authorityId: 'xmtp.org',
  typeId: 'walletSendCalls',
  versionMajor: 1,
  versionMinor: 0,
}

/** v3-mls §6.3: JSON. */
export const walletSendCallsCodec: ContentCodec<WalletSendCalls> = {
  contentType: walletSendCallsType,
  encode: (content) => ({
    type: walletSendCallsType,
    parameters: {},
    content: encodeJson(inOrder(content)),
  }),
  decode({ content }) {
    const json = decodeJson(content)
    return {
      version: text(json, 'version'),
      chainId: text(json, 'chainId'),
      from: text(json, 'from'),
      calls: list(json, 'calls').map((call) => ({
        to: optional(call, 'to', text),
        data: optional(call, 'data', text),
        value: optional(call, 'value', text),
        gas: optional(call, 'gas', text),
        metadata: readMetadata(optional(call, 'metadata', texts)),
      })),
      capabilities: optional(json, 'capabilities', texts),
    }
  },
  fallback: (content) => `[Transaction request generated]: ${JSON.stringify(inOrder(content))}`,
  shouldPush: () => true,
}

/** The fields in libxmtp's order. */
function inOrder({ version, chainId, from, calls, capabilities }: WalletSendCalls): unknown {
  return {
    version,
    chainId,
    from,
    calls: calls.map(({ to, data, value, gas, metadata }) => ({ to, data, value, gas, metadata })),
    capabilities,
  }
}

function readMetadata(
  found: Readonly<Record<string, string>> | undefined,
): WalletCallMetadata | undefined {
  if (found === undefined) return undefined
  const { description, transactionType } = found
  if (description === undefined || transactionType === undefined)
    throw undecodable('The metadata of a call lack a description or a type.')
  return { ...found, description, transactionType }
}
