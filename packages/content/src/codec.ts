import type { ContentTypeId } from './content-type.ts'

/** Content in its wire form, before a conversation encrypts it (v1-v2 §2.4). */
export type EncodedContent = {
  readonly type: ContentTypeId
  readonly parameters: Readonly<Record<string, string>>
  /** What readers without the codec show. For people; never parse it. */
  readonly fallback?: string | undefined
  /** 0: `content` is a zlib stream; 1: gzip; absent: plain. Codecs neither see nor set it. */
  readonly compression?: number | undefined
  readonly content: Uint8Array
}

/**
 * How an app's content becomes bytes and back. The shape of the codecs written for `@xmtp/xmtp-js`, so those work
 * unchanged. All methods are synchronous and may throw; what `decode` throws becomes the error of that one message.
 */
export interface ContentCodec<T> {
  readonly contentType: ContentTypeId
  encode(content: T, registry: CodecRegistry): EncodedContent
  decode(encoded: EncodedContent, registry: CodecRegistry): T
  /** The text for readers that do not know this type; undefined for none. */
  fallback(content: T): string | undefined
  /** Whether a push server should wake the reader. */
  shouldPush(content: T): boolean
}

/** A codec of whatever content; what a registry holds. */
// oxlint-disable-next-line typescript/no-explicit-any -- only `any` is both a sub- and a supertype of every content
export type AnyCodec = ContentCodec<any>

/** The codecs of a client. Codecs that nest content (replies) look up the inner one here. */
export interface CodecRegistry {
  codecFor(type: ContentTypeId): AnyCodec | undefined
}

/** The content that a codec makes. */
export type ContentOf<Codec> = Codec extends ContentCodec<infer T> ? T : never
