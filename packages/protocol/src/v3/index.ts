export { deriveHmacKey, hmacKeyBytes, hmacKeysForPush, hmacPeriod, senderHmac } from './hmac.ts'
export type { HmacKey } from './hmac.ts'
export { encodePlaintext, messageId, parsePlaintext } from './message.ts'
export type { Plaintext } from './message.ts'
export { binaryTopic, mlsTopic, parseBinaryTopic, parseMlsTopic } from './topic.ts'
export type { MlsTopic, TopicSubject } from './topic.ts'
export { directMessageId } from './direct-message.ts'
export {
  commitLogKey,
  isCommitLogEntrySigned,
  signCommitLogEntry,
  verifyCommitLogEntry,
} from './commit-log.ts'
export type { SignedCommitLogEntry } from './commit-log.ts'

export {
  defaultInboxNonce,
  deriveInboxId,
  equalMembers,
  ethereumIdentifier,
  identifierText,
  installationIdentifier,
  isCanonicalIdentifier,
  memberKey,
  parseIdentifier,
  parseInboxId,
  passkeyIdentifier,
} from './identity/identifier.ts'
export type {
  EthereumIdentifier,
  Identifier,
  InboxId,
  InstallationIdentifier,
  MemberIdentifier,
  PasskeyIdentifier,
} from './identity/identifier.ts'
export { formatAccountId, parseAccountId } from './identity/account-id.ts'
export type { AccountId } from './identity/account-id.ts'
export type {
  AddMember,
  ChangeRecovery,
  CreateInbox,
  RevokeMember,
  SignedAction,
  UnsignedAction,
} from './identity/action.ts'
export type {
  ContractSignature,
  IdentitySignature,
  InstallationSignature,
  LegacySignature,
  PasskeySignature,
  SignatureKind,
  WalletSignature,
} from './identity/signature.ts'
export { identityUpdateText } from './identity/text.ts'
export type { UpdateContent } from './identity/text.ts'
export { encodeIdentityUpdate, parseIdentityUpdate, readIdentityUpdate } from './identity/update.ts'
export type { IdentityUpdate } from './identity/update.ts'
export {
  installationKey,
  isPublicTextSigned,
  signAsInstallation,
  signPublicText,
} from './identity/installation.ts'
export { askContracts, contractChecks, noChains } from './identity/contract.ts'
export type {
  ContractCheck,
  ContractVerdict,
  ContractVerdicts,
  ContractVerifier,
} from './identity/contract.ts'
export { verifyIdentityUpdate, verifySignature } from './identity/verify.ts'
export type { VerifiedIdentityUpdate, VerifiedSignature } from './identity/verify.ts'
export { applyIdentityUpdate, replayIdentityLog } from './identity/apply.ts'
export {
  admitIdentityUpdate,
  checkRoomForInstallation,
  checkRoomForUpdate,
} from './identity/admit.ts'
export { diffStates, identifiersOf, installationsOf, memberOf } from './identity/state.ts'
export type { AssociationState, AssociationStateDiff, Member } from './identity/state.ts'
export { decodeAssociationState, encodeAssociationState } from './identity/state-codec.ts'
export {
  draftIdentityUpdate,
  finishIdentityUpdate,
  signAsLegacyKey,
  signerOf,
} from './identity/draft.ts'
export type { DraftAction, IdentityDraft } from './identity/draft.ts'
