import { Composite as WireComposite } from '@xmtp-ts/proto/message_contents/composite'
import { XmtpError } from '@xmtp-ts/protocol'
import type { CodecRegistry, ContentCodec } from './codec.ts'
import type { ContentTypeId } from './content-type.ts'
import { codecOf, toWire } from './nested.ts'

/** One content with its type, or several in order; to any depth. */
export type Composite =
  | { readonly type: ContentTypeId; readonly content: unknown }
  | { readonly parts: readonly Composite[] }

/** Several contents in one message. */
export const compositeType: ContentTypeId = {
  authorityId: 'xmtp.org',
  typeId: 'composite',
  versionMajor: 1,
  versionMinor: 0,
}

/**
 * The codec of composites (v1-v2 §16.2). Every part needs its codec in the registry, to be written and to be read:
 * without it the whole fails with `content.unknownType`. A single content is written as a composite of one.
 */
export const compositeCodec: ContentCodec<Composite> = {
  contentType: compositeType,
  encode(content, registry) {
    const bytes = WireComposite.encode(encodeParts(content, registry)).finish()
    return { type: compositeType, parameters: {}, content: bytes }
  },
  decode: ({ content }, registry) => decodeParts(WireComposite.decode(content), registry),
  fallback: () => undefined,
  shouldPush: () => false,
}

type Part = WireComposite['parts'][number]

function encodeParts(composite: Composite, registry: CodecRegistry): WireComposite {
  const parts = 'parts' in composite ? composite.parts : [composite]
  return { parts: parts.map((part) => encodePart(part, registry)) }
}

function encodePart(composite: Composite, registry: CodecRegistry): Part {
  if ('parts' in composite)
    return { element: { $case: 'composite', value: encodeParts(composite, registry) } }
  const encoded = codecOf(composite.type, registry).encode(composite.content, registry)
  return { element: { $case: 'part', value: toWire(encoded) } }
}

function decodeParts({ parts }: WireComposite, registry: CodecRegistry): Composite {
  return { parts: parts.map((part) => decodePart(part, registry)) }
}

function decodePart({ element }: Part, registry: CodecRegistry): Composite {
  if (element?.$case === 'composite') return decodeParts(element.value, registry)
  const { type } = element?.value ?? {}
  if (type === undefined || element === undefined)
    throw new XmtpError('content.undecodable', 'A part of a composite has no type.')
  const content: unknown = codecOf(type, registry).decode({ ...element.value, type }, registry)
  return { type, content }
}
