import type { ContentCodec } from './codec.ts'
import type { ContentTypeId } from './content-type.ts'
import { formatInstant, parseInstant } from './instant.ts'
import {
  decodeJson,
  encodeJson,
  list,
  optional,
  text,
  undecodable,
  type JsonObject,
} from './json.ts'
import { maxActions } from './limits.ts'

/** A question with answers to choose from; the reader's choice comes back as an intent. */
export type Actions = {
  /** Names the question in the intent. */
  readonly id: string
  readonly description: string
  /** 1 to 10, each with an id of its own. */
  readonly actions: readonly Action[]
  /** Written to the millisecond. */
  readonly expiresAtNs?: bigint | undefined
}

export type Action = {
  readonly id: string
  readonly label: string
  readonly imageUrl?: string | undefined
  readonly style?: 'primary' | 'secondary' | 'danger' | undefined
  /** Written to the millisecond. */
  readonly expiresAtNs?: bigint | undefined
}

/** Answers to choose from. */
export const actionsType: ContentTypeId = {
  authorityId: 'coinbase.com',
  typeId: 'actions',
  versionMajor: 1,
  versionMinor: 0,
}

/** v3-mls §6.3: JSON. Writing throws RangeError for what libxmtp would not write. */
export const actionsCodec: ContentCodec<Actions> = {
  contentType: actionsType,
  encode({ id, description, actions, expiresAtNs }) {
    requireWritable(actions)
    const content = encodeJson({
      id,
      description,
      actions: actions.map((action) => ({
        id: action.id,
        label: action.label,
        imageUrl: action.imageUrl,
        style: action.style,
        expiresAt: timeOf(action.expiresAtNs),
      })),
      expiresAt: timeOf(expiresAtNs),
    })
    return { type: actionsType, parameters: {}, content }
  },
  decode({ content }) {
    const json = decodeJson(content)
    return {
      id: text(json, 'id'),
      description: text(json, 'description'),
      actions: list(json, 'actions').map(readAction),
      expiresAtNs: readTime(json),
    }
  },
  fallback({ description, actions }) {
    const choices = actions.map(({ label }, index) => `[${index + 1}] ${label}`)
    return `${description}\n\n${choices.join('\n')}\n\nReply with the number to select`
  },
  shouldPush: () => true,
}

function requireWritable(actions: readonly Action[]): void {
  if (actions.length === 0 || actions.length > maxActions)
    throw new RangeError(`There are ${actions.length} actions, not 1 to ${maxActions}.`)
  if (new Set(actions.map(({ id }) => id)).size !== actions.length)
    throw new RangeError('Two actions have the same id.')
}

function timeOf(ns: bigint | undefined): string | undefined {
  return ns === undefined ? undefined : formatInstant(ns)
}

/** libxmtp also reads the names with underscores. */
function readTime(json: JsonObject): bigint | undefined {
  const written = optional(json, 'expiresAt', text) ?? optional(json, 'expires_at', text)
  return written === undefined ? undefined : parseInstant(written)
}

function readAction(json: JsonObject): Action {
  return {
    id: text(json, 'id'),
    label: text(json, 'label'),
    imageUrl: optional(json, 'imageUrl', text) ?? optional(json, 'image_url', text),
    style: readStyle(optional(json, 'style', text)),
    expiresAtNs: readTime(json),
  }
}

function readStyle(style: string | undefined): Action['style'] {
  if (style === undefined || style === 'primary' || style === 'secondary' || style === 'danger')
    return style
  throw undecodable('An action has a style that is none.')
}
