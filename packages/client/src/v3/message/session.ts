import {
  limits,
  type AnyCodec,
  type CodecRegistry,
  type Compressor,
  createCodecRegistry,
} from '@xmtp-ts/content'
import { platformCompressor } from '../../compression.ts'
import type { Core } from '../core.ts'
import { builtInCodecs } from './built-in-codecs.ts'

/** What reading and writing of messages works with: the client, and what it knows of contents. */
export type Session = {
  readonly core: Core
  readonly codecs: CodecRegistry
  readonly compressor: Compressor
  /** What compressed content may inflate to, bytes. */
  readonly maxContentBytes: number
}

export type ContentOptions = {
  /** For types that XMTP does not have. Of two for one type the later wins. */
  readonly codecs?: readonly AnyCodec[] | undefined
  /** Bytes that compressed content may inflate to: 1 MiB unless given, 100 MB at most. */
  readonly maxContentSize?: number | undefined
}

export function createSession(core: Core, options: ContentOptions): Session {
  return {
    core,
    codecs: createCodecRegistry([...builtInCodecs, ...(options.codecs ?? [])]),
    compressor: platformCompressor,
    maxContentBytes: options.maxContentSize ?? limits.defaultMaxContentBytes,
  }
}
