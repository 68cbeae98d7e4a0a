import { XmtpError } from '../../errors.ts'

/**
 * Why a commit does not count, one name per rule of v3-mls §5.3. Where libxmtp 1.10 has a name for it, it is that one.
 */
export type CommitRefusal =
  | 'groupMetadata'
  | 'groupMutableMetadata'
  | 'missingMutableMetadata'
  | 'groupMutablePermissions'
  | 'tooManyCharacters'
  | 'proposalByReference'
  | 'unsupportedProposal'
  | 'actorNotMember'
  | 'multipleActors'
  | 'mlsCredential'
  | 'noPskSupport'
  | 'missingGroupMembership'
  | 'groupMembership'
  | 'sequenceIdDecreased'
  | 'missingIdentityUpdate'
  | 'unexpectedInstallationAdded'
  | 'unexpectedInstallationsRemoved'
  | 'subjectDoesNotExist'
  | 'inboxValidationFailed'
  | 'insufficientPermissions'
  | 'invalidVersionFormat'
  | 'protocolVersionTooLow'

/** The outcome of one rule. */
export type Refused = {
  readonly ok: false
  readonly reason: CommitRefusal
  readonly error: XmtpError
}

/** Ends the validation from within a rule; never leaves `validateCommit`. */
export class RefusedCommit extends Error {
  override readonly name = 'RefusedCommit'
  readonly refused: Refused

  constructor(
    reason: CommitRefusal,
    what: string,
    { cause, ...details }: { readonly cause?: unknown; readonly minimumVersion?: string } = {},
  ) {
    super(reason)
    const code =
      reason === 'protocolVersionTooLow'
        ? 'v3.group.protocolVersionTooLow'
        : 'v3.group.commitRefused'
    const error = new XmtpError(code, `${what} (${reason})`, {
      details: { reason, ...details },
      cause,
    })
    this.refused = { ok: false, reason, error }
  }
}

/** Runs a step of one rule; bad input refuses the commit for this reason. */
export function ruling<T>(reason: CommitRefusal, step: () => T): T {
  try {
    return step()
  } catch (error) {
    if (error instanceof XmtpError)
      throw new RefusedCommit(reason, 'It cannot be read.', { cause: error })
    throw error
  }
}
