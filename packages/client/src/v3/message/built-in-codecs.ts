import {
  actionsCodec,
  builtInCodecs as namedCodecs,
  reactionCodec,
  type Action as NamedAction,
  type Actions as NamedActions,
  type AnyCodec,
  type ContentCodec,
  type Reaction as NamedReaction,
} from '@xmtp-ts/content'

/** Numbers of `@xmtp/node-sdk`. */
export const ReactionAction = { Unknown: 0, Added: 1, Removed: 2 } as const
export type ReactionAction = (typeof ReactionAction)[keyof typeof ReactionAction]

export const ReactionSchema = { Unknown: 0, Unicode: 1, Shortcode: 2, Custom: 3 } as const
export type ReactionSchema = (typeof ReactionSchema)[keyof typeof ReactionSchema]

export const ActionStyle = { Primary: 0, Secondary: 1, Danger: 2 } as const
export type ActionStyle = (typeof ActionStyle)[keyof typeof ActionStyle]

/** The content of a reaction. */
export type Reaction = {
  /** Of the message that it is about, hex. */
  readonly reference: string
  readonly referenceInboxId: string
  readonly action: ReactionAction
  /** An emoji, a shortcode, or whatever the schema says. */
  readonly content: string
  readonly schema: ReactionSchema
}

/** A question with answers to choose from. */
export type Actions = Omit<NamedActions, 'actions'> & { readonly actions: readonly Action[] }
export type Action = Omit<NamedAction, 'style'> & { readonly style?: ActionStyle | undefined }

const actionNames = ['unknown', 'added', 'removed'] as const
const schemaNames = ['unknown', 'unicode', 'shortcode', 'custom'] as const
const styleNames = ['primary', 'secondary', 'danger'] as const

/** Where the published SDK has numbers, the codecs have names. */
export const numberedReactionCodec: ContentCodec<Reaction> = {
  ...reactionCodec,
  encode: (reaction, registry) => reactionCodec.encode(namedReaction(reaction), registry),
  decode(encoded, registry) {
    const {
      action,
      schema,
      referenceInboxId = '',
      ...rest
    } = reactionCodec.decode(encoded, registry)
    const { Added, Removed, Unknown } = ReactionAction
    const { Unicode, Shortcode, Custom } = ReactionSchema
    return {
      ...rest,
      referenceInboxId,
      action: { added: Added, removed: Removed, unknown: Unknown }[action],
      schema: { unicode: Unicode, shortcode: Shortcode, custom: Custom, unknown: Unknown }[schema],
    }
  },
  fallback: (reaction) => reactionCodec.fallback(namedReaction(reaction)),
  shouldPush: (reaction) => reactionCodec.shouldPush(namedReaction(reaction)),
}

/** The same for actions. */
export const numberedActionsCodec: ContentCodec<Actions> = {
  ...actionsCodec,
  encode: (actions, registry) => actionsCodec.encode(namedActions(actions), registry),
  decode(encoded, registry) {
    const { actions, ...rest } = actionsCodec.decode(encoded, registry)
    const { Primary, Secondary, Danger } = ActionStyle
    const numbers = { primary: Primary, secondary: Secondary, danger: Danger }
    return {
      ...rest,
      actions: actions.map(({ style, ...action }) => ({
        ...action,
        ...(style === undefined ? {} : { style: numbers[style] }),
      })),
    }
  },
  fallback: (actions) => actionsCodec.fallback(namedActions(actions)),
  shouldPush: (actions) => actionsCodec.shouldPush(namedActions(actions)),
}

/** The types that XMTP has: they need no codec of an app. */
export const builtInCodecs: readonly AnyCodec[] = [
  ...namedCodecs,
  numberedReactionCodec,
  numberedActionsCodec,
]

function namedReaction({ action, schema, ...rest }: Reaction): NamedReaction {
  return { ...rest, action: actionNames[action], schema: schemaNames[schema] }
}

function namedActions({ actions, ...rest }: Actions): NamedActions {
  return {
    ...rest,
    actions: actions.map(({ style, ...action }) => ({
      ...action,
      ...(style === undefined ? {} : { style: styleNames[style] }),
    })),
  }
}
