import type { ContentCodec } from './codec.ts'
import type { ContentTypeId } from './content-type.ts'
import { decodeJson, encodeJson, nested, number, optional, text, type JsonObject } from './json.ts'

export type TransactionReference = {
  /** Of the network, e.g. `eip155`. */
  readonly namespace?: string | undefined
  /** Decimal or hex; a text whenever it was read. */
  readonly networkId: string | number
  /** The hash of the transaction. */
  readonly reference: string
  readonly metadata?: TransactionMetadata | undefined
}

/** What the sender says of the transaction; only its chain knows. */
export type TransactionMetadata = {
  readonly transactionType: string
  readonly currency: string
  readonly amount: number
  readonly decimals: number
  readonly fromAddress: string
  readonly toAddress: string
}

/** A transaction on some chain. */
export const transactionReferenceType: ContentTypeId = {
  authorityId: 'xmtp.org',
  typeId: 'transactionReference',
  versionMajor: 1,
  versionMinor: 0,
}

/** v3-mls §6.3: JSON. Network ids that came as numbers become texts, as in libxmtp. */
export const transactionReferenceCodec: ContentCodec<TransactionReference> = {
  contentType: transactionReferenceType,
  encode: ({ namespace, networkId, reference, metadata }) => ({
    type: transactionReferenceType,
    parameters: {},
    content: encodeJson({ namespace, networkId: String(networkId), reference, metadata }),
  }),
  decode({ content }) {
    const json = decodeJson(content)
    const metadata = optional(json, 'metadata', nested)
    return {
      namespace: optional(json, 'namespace', text),
      networkId:
        typeof json['networkId'] === 'number' ? String(json['networkId']) : text(json, 'networkId'),
      reference: text(json, 'reference'),
      metadata: metadata === undefined ? undefined : readMetadata(metadata),
    }
  },
  fallback: ({ reference }) =>
    reference === ''
      ? 'Crypto transaction'
      : `[Crypto transaction] Use a blockchain explorer to learn more using the transaction hash: ${reference}`,
  shouldPush: () => true,
}

function readMetadata(json: JsonObject): TransactionMetadata {
  return {
    transactionType: text(json, 'transactionType'),
    currency: text(json, 'currency'),
    amount: number(json, 'amount'),
    decimals: number(json, 'decimals'),
    fromAddress: text(json, 'fromAddress'),
    toAddress: text(json, 'toAddress'),
  }
}
