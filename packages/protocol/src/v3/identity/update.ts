import {
  IdentityUpdate as WireUpdate,
  type IdentityAction as WireAction,
} from '@xmtp-ts/proto/identity/associations/association'
import { XmtpError } from '../../errors.ts'
import { maxIdentityUpdateBytes } from '../../limits.ts'
import { decodeWire } from '../../wire.ts'
import type { SignedAction } from './action.ts'
import {
  readIdentifier,
  readMemberIdentifier,
  writeIdentifier,
  writeMemberIdentifier,
} from './identifier.ts'
import { readSignature, writeSignature, type IdentitySignature } from './signature.ts'

/**
 * One entry of an inbox's log as it came; nothing is verified. The signatures are over its text, not over its bytes: a
 * node stores what `encodeIdentityUpdate` makes of it, since bytes that decode here may be none to a stricter decoder.
 */
export type IdentityUpdate = {
  /** The inbox it claims to belong to. */
  readonly inboxId: string
  readonly clientTimestampNs: bigint
  readonly actions: readonly SignedAction<IdentitySignature>[]
}

const malformed = 'v3.identity.update.malformed'

/**
 * @throws XmtpError `v3.identity.update.tooLong`, `v3.identity.update.malformed`, `v3.identity.signature.malformed` or
 * `v3.identity.accountId.malformed`
 */
export function parseIdentityUpdate(bytes: Uint8Array): IdentityUpdate {
  if (bytes.length > maxIdentityUpdateBytes)
    throw new XmtpError(
      'v3.identity.update.tooLong',
      `An update has ${bytes.length} bytes; ${maxIdentityUpdateBytes} are the limit.`,
    )
  return readIdentityUpdate(decodeWire(WireUpdate, bytes, malformed))
}

/**
 * The same from the decoded message, e.g. one inside a request.
 * @throws XmtpError `v3.identity.update.malformed`, `v3.identity.signature.malformed` or
 * `v3.identity.accountId.malformed`
 */
export function readIdentityUpdate(wire: WireUpdate): IdentityUpdate {
  const { inboxId, clientTimestampNs, actions } = wire
  return { inboxId, clientTimestampNs, actions: actions.map(readAction) }
}

export function encodeIdentityUpdate(update: IdentityUpdate): Uint8Array {
  const { inboxId, clientTimestampNs, actions } = update
  return WireUpdate.encode({
    inboxId,
    clientTimestampNs,
    actions: actions.map(writeAction),
  }).finish()
}

function readAction({ kind }: WireAction): SignedAction<IdentitySignature> {
  switch (kind?.$case) {
    case 'createInbox': {
      const { value } = kind
      const identifier = readIdentifier(
        {
          text: value.initialIdentifier,
          kind: value.initialIdentifierKind,
          relyingParty: value.relyingParty,
        },
        malformed,
      )
      const signature = readSignature(value.initialIdentifierSignature)
      return { kind: 'createInbox', identifier, nonce: value.nonce, signature }
    }
    case 'add': {
      const { newMemberIdentifier, existingMemberSignature, newMemberSignature } = kind.value
      return {
        kind: 'add',
        member: readMemberIdentifier(newMemberIdentifier, malformed),
        existingSignature: readSignature(existingMemberSignature),
        newSignature: readSignature(newMemberSignature),
      }
    }
    case 'revoke': {
      const { memberToRevoke, recoveryIdentifierSignature } = kind.value
      const member = readMemberIdentifier(memberToRevoke, malformed)
      return { kind: 'revoke', member, signature: readSignature(recoveryIdentifierSignature) }
    }
    case 'changeRecoveryAddress': {
      const { value } = kind
      const identifier = readIdentifier(
        {
          text: value.newRecoveryIdentifier,
          kind: value.newRecoveryIdentifierKind,
          relyingParty: value.relyingParty,
        },
        malformed,
      )
      const signature = readSignature(value.existingRecoveryIdentifierSignature)
      return { kind: 'changeRecovery', identifier, signature }
    }
    case undefined:
      throw new XmtpError(malformed, 'An action is empty.')
    default:
      return kind satisfies never
  }
}

function writeAction(action: SignedAction<IdentitySignature>): WireAction {
  switch (action.kind) {
    case 'createInbox': {
      const { text, kind, relyingParty } = writeIdentifier(action.identifier)
      const value = {
        initialIdentifier: text,
        initialIdentifierKind: kind,
        relyingParty,
        nonce: action.nonce,
        initialIdentifierSignature: writeSignature(action.signature),
      }
      return { kind: { $case: 'createInbox', value } }
    }
    case 'add': {
      const { member } = action
      const value = {
        newMemberIdentifier: writeMemberIdentifier(member),
        existingMemberSignature: writeSignature(action.existingSignature),
        newMemberSignature: writeSignature(action.newSignature),
        relyingParty: member.kind === 'passkey' ? member.relyingParty : undefined,
      }
      return { kind: { $case: 'add', value } }
    }
    case 'revoke': {
      const value = {
        memberToRevoke: writeMemberIdentifier(action.member),
        recoveryIdentifierSignature: writeSignature(action.signature),
      }
      return { kind: { $case: 'revoke', value } }
    }
    case 'changeRecovery': {
      const { text, kind, relyingParty } = writeIdentifier(action.identifier)
      const value = {
        newRecoveryIdentifier: text,
        newRecoveryIdentifierKind: kind,
        relyingParty,
        existingRecoveryIdentifierSignature: writeSignature(action.signature),
      }
      return { kind: { $case: 'changeRecoveryAddress', value } }
    }
    default:
      return action satisfies never
  }
}
