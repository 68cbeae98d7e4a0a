import type { AnyCodec, CodecRegistry } from './codec.ts'
import { sameContentType } from './content-type.ts'

/**
 * A registry of these codecs; of two for one type the later wins. The key is authority and type; a codec serves every
 * minor version, and every major version up to its own (v1-v2 §16.1).
 */
export function createCodecRegistry(codecs: readonly AnyCodec[]): CodecRegistry {
  return {
    codecFor(type) {
      const codec = codecs.findLast(({ contentType }) => sameContentType(contentType, type))
      return codec !== undefined && type.versionMajor <= codec.contentType.versionMajor
        ? codec
        : undefined
    },
  }
}
