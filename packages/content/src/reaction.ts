import {
  ReactionAction,
  ReactionSchema,
  ReactionV2,
} from '@xmtp-ts/proto/mls/message_contents/content_types/reaction'
import { attempt } from '@xmtp-ts/protocol'
import type { ContentCodec, EncodedContent } from './codec.ts'
import type { ContentTypeId } from './content-type.ts'
import { decodeText } from './decode-text.ts'
import { decodeJson, optional, text } from './json.ts'

export type Reaction = {
  /** The id of the message, hex. */
  readonly reference: string
  /** Who sent that message. */
  readonly referenceInboxId?: string | undefined
  /** `unknown` when the sender said neither. */
  readonly action: 'added' | 'removed' | 'unknown'
  /** An emoji, a shortcode, or whatever the schema says. */
  readonly content: string
  readonly schema: 'unicode' | 'shortcode' | 'custom' | 'unknown'
}

/** A reaction to a message. Version 2 is protobuf; version 1, which V2 clients send, is JSON. */
export const reactionType: ContentTypeId = {
  authorityId: 'xmtp.org',
  typeId: 'reaction',
  versionMajor: 2,
  versionMinor: 0,
}

/** Writes version 2.0, as libxmtp does, and reads both (v3-mls §6.3). */
export const reactionCodec: ContentCodec<Reaction> = {
  contentType: reactionType,
  encode({ reference, referenceInboxId = '', action, content, schema }) {
    const wire = {
      reference,
      referenceInboxId,
      action: actions[action],
      content,
      schema: schemas[schema],
    }
    return { type: reactionType, parameters: {}, content: ReactionV2.encode(wire).finish() }
  },
  decode: (encoded) =>
    encoded.type.versionMajor >= reactionType.versionMajor
      ? decodeBinary(encoded.content)
      : decodeFirstVersion(encoded),
  fallback: ({ action, content }) =>
    action === 'removed'
      ? `Removed "${content}" from an earlier message`
      : `Reacted with "${content}" to an earlier message`,
  shouldPush: () => false,
}

const actions: Readonly<Record<Reaction['action'], ReactionAction>> = {
  added: ReactionAction.REACTION_ACTION_ADDED,
  removed: ReactionAction.REACTION_ACTION_REMOVED,
  unknown: ReactionAction.REACTION_ACTION_UNSPECIFIED,
}

const schemas: Readonly<Record<Reaction['schema'], ReactionSchema>> = {
  unicode: ReactionSchema.REACTION_SCHEMA_UNICODE,
  shortcode: ReactionSchema.REACTION_SCHEMA_SHORTCODE,
  custom: ReactionSchema.REACTION_SCHEMA_CUSTOM,
  unknown: ReactionSchema.REACTION_SCHEMA_UNSPECIFIED,
}

function decodeBinary(bytes: Uint8Array): Reaction {
  const { reference, referenceInboxId, action, content, schema } = ReactionV2.decode(bytes)
  return {
    reference,
    referenceInboxId: referenceInboxId === '' ? undefined : referenceInboxId,
    action: actionOf(action),
    content,
    schema: schemaOf(schema),
  }
}

function actionOf(action: string | number | undefined): Reaction['action'] {
  if (action === 'added' || action === actions.added) return 'added'
  return action === 'removed' || action === actions.removed ? 'removed' : 'unknown'
}

function schemaOf(schema: string | number | undefined): Reaction['schema'] {
  if (schema === 'unicode' || schema === schemas.unicode) return 'unicode'
  if (schema === 'shortcode' || schema === schemas.shortcode) return 'shortcode'
  return schema === 'custom' || schema === schemas.custom ? 'custom' : 'unknown'
}

/** JSON; the first clients wrote the content plain, and the rest as parameters. */
function decodeFirstVersion({ parameters, content }: EncodedContent): Reaction {
  const json = attempt(() => decodeJson(content))
  if (!json.ok)
    return {
      reference: parameters['reference'] ?? '',
      referenceInboxId: undefined,
      action: actionOf(parameters['action']),
      content: decodeText(content),
      schema: schemaOf(parameters['schema']),
    }
  const { value } = json
  return {
    reference: text(value, 'reference'),
    referenceInboxId: optional(value, 'referenceInboxId', text),
    action: actionOf(optional(value, 'action', text)),
    content: text(value, 'content'),
    schema: schemaOf(optional(value, 'schema', text)),
  }
}
