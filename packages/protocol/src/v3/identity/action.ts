import type { Identifier, MemberIdentifier } from './identifier.ts'

/** Begins a log: the identifier becomes the first member and the recovery identifier. */
export type CreateInbox = {
  readonly kind: 'createInbox'
  readonly identifier: Identifier
  readonly nonce: bigint
}

/** An existing member takes in a new one; both sign. */
export type AddMember = { readonly kind: 'add'; readonly member: MemberIdentifier }

/** The recovery identifier removes a member, and the installations that this member added. */
export type RevokeMember = { readonly kind: 'revoke'; readonly member: MemberIdentifier }

/** The recovery identifier names its successor. */
export type ChangeRecovery = { readonly kind: 'changeRecovery'; readonly identifier: Identifier }

/** What an action does, without who signed it. All of it but the nonce is in the signed text. */
export type UnsignedAction = CreateInbox | AddMember | RevokeMember | ChangeRecovery

/** An action with its signatures of type `S`: as they came, or verified. */
export type SignedAction<S> =
  | (CreateInbox & { readonly signature: S })
  | (AddMember & { readonly existingSignature: S; readonly newSignature: S })
  | (RevokeMember & { readonly signature: S })
  | (ChangeRecovery & { readonly signature: S })

/** The signatures of an action; of `add` the existing member's comes first. */
export function signaturesOf<S>(action: SignedAction<S>): readonly S[] {
  return action.kind === 'add'
    ? [action.existingSignature, action.newSignature]
    : [action.signature]
}

/** The same action with each signature put through `step`. */
export function mapSignatures<S, T>(
  action: SignedAction<S>,
  step: (signature: S) => T,
): SignedAction<T> {
  if (action.kind !== 'add') return { ...action, signature: step(action.signature) }
  const existingSignature = step(action.existingSignature)
  return { ...action, existingSignature, newSignature: step(action.newSignature) }
}
