export {
  groupExtensions,
  groupExtensionTypes,
  readGroupContent,
  replaceExtension,
  requiredCapabilities,
  withMembership,
  withMutableMetadata,
  withPolicies,
} from './extensions.ts'
export type { GroupContent } from './extensions.ts'
export { decodeGroupMetadata, encodeGroupMetadata } from './metadata.ts'
export type { ConversationType, GroupMetadata } from './metadata.ts'
export {
  attributeNames,
  checkAttributes,
  decodeMutableMetadata,
  disappearingSettings,
  encodeMutableMetadata,
  minimumVersion,
} from './mutable-metadata.ts'
export type { DisappearingSettings, MutableMetadata } from './mutable-metadata.ts'
export { decodeMembership, diffMembership, encodeMembership } from './membership.ts'
export type { Membership, MembershipDiff } from './membership.ts'
export { evaluate, policyKind, policyPresets, policySetsEqual } from './policies.ts'
export type {
  ActorFlags,
  MembershipBase,
  MembershipPolicy,
  MetadataPolicy,
  PermissionsBase,
  PermissionsPolicy,
  Policy,
  PolicySet,
} from './policies.ts'
export { decodePolicySet, encodePolicySet } from './policy-codec.ts'
export { checkDirectMessage } from './dm.ts'
export type { DirectMessageParties } from './dm.ts'
export {
  createInstallationKeyPackage,
  groupConfig,
  memberOfLeaf,
  readKeyPackage,
} from './key-package.ts'
export type {
  InstallationKeyPackage,
  InstallationKeyPackageOptions,
  LeafMember,
  ReadKeyPackage,
  WelcomeAlgorithm,
  WelcomeRecipient,
} from './key-package.ts'
export { openWelcome, sealWelcome } from './welcome.ts'
export type {
  OpenedWelcome,
  ReceivedWelcome,
  SealedWelcome,
  SealWelcomeOptions,
  WelcomeKeyLookup,
} from './welcome.ts'
export type { WelcomeKey } from './welcome-seal.ts'
export { openPointed, openPointer, sealPointed, sealPointer } from './pointer.ts'
export type {
  ReceivedPointer,
  SealedPointer,
  SealPointedOptions,
  WelcomePointer,
} from './pointer.ts'
export { chunkWelcomes, planWelcomes } from './welcome-plan.ts'
export type { WelcomePlanOptions } from './welcome-plan.ts'
export { statesNeeded, validateCommit } from './commit.ts'
export type { CommitSummary, CommitValidation, ValidateCommitOptions } from './commit.ts'
export type { AttributeChange, MetadataChanges } from './commit-changes.ts'
export type { StateLookup, StateNeeded, UpdateLookup } from './commit-installations.ts'
export type { CommitRefusal, Refused } from './commit-refusal.ts'
export { planMembershipChange, withoutInstallations } from './membership-change.ts'
export type { InboxStates, MembershipChange, MembershipChangeOptions } from './membership-change.ts'
export { compareVersions } from './version.ts'
export { encodeGroupUpdated, groupUpdated, parseGroupUpdated } from './transcript.ts'
export type { GroupUpdated } from './transcript.ts'
export { decodeReaddRequest, encodeReaddRequest } from './readd.ts'
export type { ReaddRequest } from './readd.ts'
