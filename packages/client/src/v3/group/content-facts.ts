import { EncodedContent } from '@xmtp-ts/proto/message_contents/content'
import { referenceOf } from './reference.ts'

/** What lists filter by and replies are found by, without decoding the content again. */
type ContentFacts = { readonly contentType: string; readonly referenceId: string }

/** Content that does not decode is kept as it is, with no type. */
export function contentFacts(content: Uint8Array): ContentFacts {
  const encoded = decodeContent(content)
  const type = encoded?.type
  if (encoded === undefined || type === undefined) return { contentType: '', referenceId: '' }
  return {
    contentType: `${type.authorityId}/${type.typeId}`,
    referenceId: referenceOf(encoded),
  }
}

export function decodeContent(content: Uint8Array): EncodedContent | undefined {
  try {
    return EncodedContent.decode(content)
  } catch {
    // Not for us to judge: the app is shown that there is a message, and that it has no readable content.
    return undefined
  }
}
