import { concatBytes } from '../../bytes.ts'
import { personalMessageDigest, signDigest } from '../../crypto/signature.ts'
import { XmtpError } from '../../errors.ts'
import { encodeSignedKey } from '../../keys/public-key.ts'
import type { PrivateKey } from '../../keys/private-key-bundle.ts'
import type {
  AddMember,
  ChangeRecovery,
  CreateInbox,
  RevokeMember,
  SignedAction,
} from './action.ts'
import {
  ethereumIdentifier,
  identifierText,
  memberKey,
  type Identifier,
  type InboxId,
  type MemberIdentifier,
} from './identifier.ts'
import type { IdentitySignature, LegacySignature } from './signature.ts'
import { identityUpdateText } from './text.ts'
import { encodeIdentityUpdate } from './update.ts'
import { verifySignature } from './verify.ts'

/** An action together with who has to sign for it. A new inbox is signed for by the identifier that creates it. */
export type DraftAction =
  | CreateInbox
  | (AddMember & {
      /** A member, or the recovery identifier. */
      readonly existing: MemberIdentifier
    })
  | (RevokeMember & { readonly recovery: Identifier })
  | (ChangeRecovery & { readonly recovery: Identifier })

/** An update that waits for its signatures. */
export type IdentityDraft = {
  readonly inboxId: InboxId
  readonly clientTimestampNs: bigint
  readonly actions: readonly DraftAction[]
  /** What everyone signs. */
  readonly text: string
  /** Who has to sign, each once. */
  readonly signers: readonly MemberIdentifier[]
}

/** @param content.clientTimestampNs the clock; readers show it as the time at which members came in */
export function draftIdentityUpdate(content: {
  inboxId: InboxId
  clientTimestampNs: bigint
  actions: readonly DraftAction[]
}): IdentityDraft {
  const signers = new Map(
    content.actions.flatMap(signersOf).map((signer) => [memberKey(signer), signer]),
  )
  return { ...content, text: identityUpdateText(content), signers: [...signers.values()] }
}

/**
 * The bytes to publish. Signatures may come in any order, and more than are needed; each is matched by the signer that
 * it proves. A contract's is taken at its word here: only its chain can check it.
 * @throws XmtpError `v3.identity.signature.missing`, `v3.identity.signature.malformed` or
 * `v3.identity.signature.invalid`
 */
export function finishIdentityUpdate(
  draft: IdentityDraft,
  signatures: readonly IdentitySignature[],
): Uint8Array {
  const bySigner = new Map(
    signatures.map((signature) => [memberKey(signerOf(draft.text, signature)), signature]),
  )
  const find = (signer: MemberIdentifier): IdentitySignature => {
    const signature = bySigner.get(memberKey(signer))
    if (signature === undefined)
      throw new XmtpError(
        'v3.identity.signature.missing',
        `${identifierText(signer)} has not signed the text of this update.`,
      )
    return signature
  }
  const { inboxId, clientTimestampNs, actions } = draft
  return encodeIdentityUpdate({
    inboxId,
    clientTimestampNs,
    actions: actions.map((action) => signAction(action, find)),
  })
}

/** What a V2 identity key of the account signs in place of its wallet. */
export function signAsLegacyKey(identityKey: PrivateKey, text: string): LegacySignature {
  const { bytes, recovery } = signDigest(identityKey.secret, personalMessageDigest(text))
  return {
    kind: 'legacy',
    delegatedKey: encodeSignedKey(identityKey.publicKey),
    bytes: concatBytes(bytes, Uint8Array.of(27 + recovery)),
  }
}

function signersOf(action: DraftAction): readonly MemberIdentifier[] {
  switch (action.kind) {
    case 'createInbox':
      return [action.identifier]
    case 'add':
      return [action.existing, action.member]
    case 'revoke':
    case 'changeRecovery':
      return [action.recovery]
    default:
      return action satisfies never
  }
}

function signAction(
  action: DraftAction,
  find: (signer: MemberIdentifier) => IdentitySignature,
): SignedAction<IdentitySignature> {
  switch (action.kind) {
    case 'createInbox':
      return { ...action, signature: find(action.identifier) }
    case 'add': {
      const { member, existing } = action
      const existingSignature = find(existing)
      return { kind: 'add', member, existingSignature, newSignature: find(member) }
    }
    case 'revoke':
      return { ...action, signature: find(action.recovery) }
    case 'changeRecovery':
      return { ...action, signature: find(action.recovery) }
    default:
      return action satisfies never
  }
}

/**
 * Whom a signature under a text proves; a contract's is taken at its word.
 * @throws XmtpError `v3.identity.signature.malformed` or `v3.identity.signature.invalid`
 */
export function signerOf(text: string, signature: IdentitySignature): MemberIdentifier {
  return signature.kind === 'erc1271'
    ? ethereumIdentifier(signature.account.address)
    : verifySignature(text, signature).signer
}
