/**
 * Every way in which a message, a key package, a tree or a call can be wrong. The code is the contract; the text may
 * change. `clause` names the rule that was broken: of RFC 9420 unless another document is named.
 */
export const errorCodes = {
  'codec.truncated': { clause: '§2.1' },
  'codec.trailingBytes': { clause: '§2.1' },
  'codec.reservedLength': { clause: '§2.1.2' },
  'codec.nonMinimalLength': { clause: '§2.1.2' },
  'codec.badOptional': { clause: '§2.1.1' },
  'codec.unknownValue': { clause: '§2' },
  'codec.tooLarge': { clause: 'limits.ts' },

  'suite.unsupported': { clause: '§5.1' },
  'crypto.badKey': { clause: '§5.1, RFC 9180 §7.1.4' },
  'hpke.openFailed': { clause: 'RFC 9180 §5.2' },

  'message.unsupportedVersion': { clause: '§6' },
  'message.unexpectedWireFormat': { clause: '§6' },
  'message.wrongGroup': { clause: '§6' },
  'message.epochInFuture': { clause: '§6' },
  'message.epochTooOld': { clause: '§6' },
  'message.unknownSender': { clause: '§6.1' },
  'message.senderNotAllowed': { clause: '§6' },
  'message.badSignature': { clause: '§6.1' },
  'message.applicationInPublic': { clause: '§6' },
  'message.badMembershipTag': { clause: '§6.2' },
  'message.senderDataUndecryptable': { clause: '§6.3.2' },
  'message.undecryptable': { clause: '§6.3.1' },
  'message.badPadding': { clause: '§6.3.1' },
  'message.fromSelf': { clause: '§6.3.1' },
  'message.generationTooFar': { clause: '§9.1' },
  'message.generationSpent': { clause: '§9.2' },
  'message.tooManyProposals': { clause: 'limits.ts' },

  'leaf.badSignature': { clause: '§7.3' },
  'leaf.wrongSource': { clause: '§7.3' },
  'leaf.notYetValid': { clause: '§7.3' },
  'leaf.expired': { clause: '§7.3' },
  'leaf.versionNotInCapabilities': { clause: '§7.2' },
  'leaf.suiteNotInCapabilities': { clause: '§7.2' },
  'leaf.extensionNotInCapabilities': { clause: '§7.3' },
  'leaf.credentialNotInCapabilities': { clause: '§7.3' },
  'leaf.requiredCapabilityMissing': { clause: '§7.3, §11.1' },
  'leaf.groupExtensionUnsupported': { clause: '§7.3, §12.1.7' },
  'leaf.credentialUnsupportedByMember': { clause: '§7.3' },
  'leaf.duplicateExtension': { clause: '§13.4' },
  'leaf.duplicateSignatureKey': { clause: '§7.3' },
  'leaf.duplicateEncryptionKey': { clause: '§7.3' },
  'leaf.encryptionKeyUnchanged': { clause: '§12.1.2, §12.4.2' },

  'keyPackage.unsupportedVersion': { clause: '§10.1' },
  'keyPackage.wrongSuite': { clause: '§10.1' },
  'keyPackage.badSignature': { clause: '§10.1' },
  'keyPackage.initKeyIsEncryptionKey': { clause: '§10.1' },
  'keyPackage.duplicateExtension': { clause: '§13.4' },

  'tree.empty': { clause: '§12.4.3.3' },
  'tree.trailingBlank': { clause: '§12.4.3.3' },
  'tree.nodeTypeMismatch': { clause: '§12.4.3.3' },
  'tree.badUnmergedLeaves': { clause: '§7.1' },
  'tree.duplicateEncryptionKey': { clause: '§7.3, §12.4.3.1' },
  'tree.parentHashMismatch': { clause: '§7.9.2' },
  'tree.hashMismatch': { clause: '§12.4.3.1' },
  'tree.full': { clause: 'limits.ts' },

  'proposal.unknownReference': { clause: '§12.4.2' },
  'proposal.unsupportedType': { clause: '§12.2, §12.1.7' },
  'proposal.notAllowedFromSender': { clause: '§12.1.8' },
  'proposal.updateFromCommitter': { clause: '§12.2' },
  'proposal.updateNotFromMember': { clause: '§12.1.2' },
  'proposal.removeOfCommitter': { clause: '§12.2' },
  'proposal.removeOfNonMember': { clause: '§12.1.3' },
  'proposal.sameLeafTwice': { clause: '§12.2' },
  'proposal.addTwice': { clause: '§12.2' },
  'proposal.samePskTwice': { clause: '§12.2' },
  'proposal.badPsk': { clause: '§12.1.4' },
  'proposal.groupContextExtensionsTwice': { clause: '§12.2' },
  'proposal.duplicateGroupExtension': { clause: '§13.4' },
  'proposal.reInitNotAlone': { clause: '§12.2' },
  'proposal.reInitVersion': { clause: '§12.1.5' },
  'proposal.externalInitFromMember': { clause: '§12.2' },
  'proposal.selfRemoveNotByReference': { clause: 'draft-ietf-mls-extensions' },
  'proposal.selfRemoveOfCommitter': { clause: 'draft-ietf-mls-extensions' },
  'proposal.appDataConflict': { clause: 'draft-ietf-mls-extensions' },
  'proposal.appDataUnordered': { clause: 'draft-ietf-mls-extensions' },

  'psk.unknown': { clause: '§8.4' },
  'psk.tooMany': { clause: '§8.4' },

  'commit.missingPath': { clause: '§12.4' },
  'commit.wrongPathLength': { clause: '§12.4.2' },
  'commit.wrongCiphertextCount': { clause: '§7.5' },
  'commit.pathKeyReused': { clause: '§12.4.2' },
  'commit.parentHashMismatch': { clause: '§7.9, §12.4.2' },
  'commit.pathSecretMismatch': { clause: '§7.5' },
  'commit.badConfirmationTag': { clause: '§12.4.2' },
  'commit.tooManyProposals': { clause: 'limits.ts' },

  'externalCommit.proposalNotAllowed': { clause: '§12.2' },
  'externalCommit.externalInitCount': { clause: '§12.2' },
  'externalCommit.removeTwice': { clause: '§12.2' },
  'externalCommit.noExternalPub': { clause: '§12.4.3.2' },

  'groupInfo.badSignature': { clause: '§12.4.3.1' },
  'groupInfo.badConfirmationTag': { clause: '§12.4.3.1' },
  'groupInfo.missingRatchetTree': { clause: '§12.4.3.3' },
  'groupInfo.duplicateExtension': { clause: '§13.4' },
  'groupInfo.unsupportedVersion': { clause: '§12.4.3.1' },

  'welcome.notForThisKeyPackage': { clause: '§12.4.3.1' },
  'welcome.wrongSuite': { clause: '§12.4.3.1' },
  'welcome.groupSecretsUndecryptable': { clause: '§12.4.3.1' },
  'welcome.groupInfoUndecryptable': { clause: '§12.4.3.1' },
  'welcome.ownLeafMissing': { clause: '§12.4.3.1' },
  'welcome.pathSecretMismatch': { clause: '§12.4.3.1' },
  'welcome.resumptionMismatch': { clause: '§11.2, §11.3' },

  'group.removed': { clause: '§12.4.2' },
  'group.reInitPending': { clause: '§11.2' },
  'group.proposalsPending': { clause: '§12.4' },
  'group.commitOfOtherEpoch': { clause: '§12.4.2' },

  'state.badRecord': { clause: 'state/records.ts' },
  'state.missingRecord': { clause: 'state/records.ts' },
  'state.unsupportedVersion': { clause: 'state/records.ts' },
} as const satisfies Record<string, { readonly clause: string }>

/** The stable name of one broken rule. */
export type MlsErrorCode = keyof typeof errorCodes

/** Public facts about the failure, and what caused it. */
export type MlsErrorOptions = {
  readonly details?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
}

/** Everything this library throws because of its input. Wrong use by the programmer is a TypeError or RangeError. */
export class MlsError extends Error {
  override readonly name = 'MlsError'
  readonly code: MlsErrorCode
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: MlsErrorCode, what: string, options: MlsErrorOptions = {}) {
    super(`[${code}] ${what} (${errorCodes[code].clause})`, { cause: options.cause })
    this.code = code
    this.details = options.details ?? {}
  }
}
