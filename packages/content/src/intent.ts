import type { ContentCodec } from './codec.ts'
import type { ContentTypeId } from './content-type.ts'
import { decodeJson, encodeJson, nested, optional, text, type JsonObject } from './json.ts'
import { maxIntentMetadataBytes } from './limits.ts'

/** The choice of one of `Actions`. */
export type Intent = {
  /** Of the question. */
  readonly id: string
  /** Of the answer. */
  readonly actionId: string
  /** Whatever JSON can hold, up to 10 KiB of it. */
  readonly metadata?: JsonObject | undefined
}

/** A choice that was made. */
export const intentType: ContentTypeId = {
  authorityId: 'coinbase.com',
  typeId: 'intent',
  versionMajor: 1,
  versionMinor: 0,
}

/** v3-mls §6.3: JSON. Writing throws RangeError for metadata that libxmtp would not write. */
export const intentCodec: ContentCodec<Intent> = {
  contentType: intentType,
  encode({ id, actionId, metadata }) {
    const { length } = metadata === undefined ? [] : encodeJson(metadata)
    if (length > maxIntentMetadataBytes)
      throw new RangeError(`The metadata of an intent have ${length} bytes.`)
    return { type: intentType, parameters: {}, content: encodeJson({ id, actionId, metadata }) }
  },
  decode({ content }) {
    const json = decodeJson(content)
    return {
      id: text(json, 'id'),
      actionId: optional(json, 'actionId', text) ?? text(json, 'action_id'),
      metadata: optional(json, 'metadata', nested),
    }
  },
  fallback: ({ actionId }) => `User selected action: ${actionId}`,
  shouldPush: () => true,
}
