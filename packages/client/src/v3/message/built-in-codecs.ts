import { textCodec, type AnyCodec } from '@xmtp-ts/content'

/** The types that XMTP has: they need no codec of an app. */
export const builtInCodecs: readonly AnyCodec[] = [textCodec]
