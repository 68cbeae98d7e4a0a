export type { Codec, Reader, Writer } from './codec/tls.ts'
export {
  decode,
  encode,
  opaque,
  struct,
  uint16,
  uint32,
  uint64,
  uint8,
  vector,
} from './codec/tls.ts'
export type {
  Aead,
  DiffieHellman,
  MaybePromise,
  Platform,
  SignatureScheme,
} from './crypto/platform.ts'
export { isX25519PublicKey } from './crypto/low-order.ts'
export type { CipherSuite } from './crypto/suite.ts'
export { expandWithLabel, refHash, signWithLabel, verifyWithLabel } from './crypto/suite.ts'
export { aes128GcmSuite, chacha20Poly1305Suite, cipherSuites, suiteOf } from './crypto/suites.ts'
export type { MlsErrorCode, MlsErrorOptions } from './errors.ts'
export { errorCodes } from './error-codes.ts'
export { MlsError } from './errors.ts'
export type { AddedMember, RemovedMember, UpdatedMember } from './group/apply.ts'
export type { CommitOptions, CreatedCommit } from './group/commit.ts'
export { createCommit } from './group/commit.ts'
export type { ApplyAppData, GroupConfig } from './group/config.ts'
export { configFor } from './group/config.ts'
export { defaultConfig } from './group/default-config.ts'
export type { CreateGroupOptions } from './group/create.ts'
export { createGroup } from './group/create.ts'
export type { ExternalJoin, ExternalJoinOptions, OutsideProposal } from './group/external.ts'
export { joinByExternalCommit, proposeAsExternalSender, proposeSelf } from './group/external.ts'
export type { GroupInfoOptions } from './group/group-info.ts'
export { exportGroupInfo } from './group/group-info.ts'
export type { Joined, JoinOptions } from './group/join.ts'
export { joinGroup } from './group/join.ts'
export type { KeyPackageOptions, OwnKeyPackage } from './group/key-package.ts'
export {
  basicCapabilities,
  checkKeyPackage,
  createKeyPackage,
  keyPackageReference,
} from './group/key-package.ts'
export type { PskLookup } from './group/next-epoch.ts'
export type { Received } from './group/process.ts'
export { processMessage } from './group/process.ts'
export type { CommittedProposal } from './group/proposal-rules.ts'
export {
  epochAuthenticator,
  exportGroupSecret,
  externalPskId,
  resumptionPsk,
} from './group/resume.ts'
export type { LeafChange, SendOptions, Sent, SentProposal } from './group/send.ts'
export { encryptMessage, propose, proposeUpdate, withoutProposals } from './group/send.ts'
export type { ProcessOptions } from './group/stage.ts'
export type { StagedCommit } from './group/staged-commit.ts'
export { adoptCommit } from './group/staged-commit.ts'
export type { GroupState, GroupStatus, Member, PendingProposal } from './group/state.ts'
export { memberAt, members } from './group/state.ts'
export type { HpkeCiphertext, HpkeContext, HpkeInfo, HpkeSuite } from './hpke/hpke.ts'
export {
  exportSecret,
  openNext,
  prepareInfo,
  sealNext,
  setupReceiver,
  setupSender,
  setupSenderWith,
} from './hpke/hpke.ts'
export type { Kdf } from './hpke/kdf.ts'
export type { Encapsulation, HpkeKeyPair, Kem, Random } from './hpke/kem.ts'
export { dhkemX25519 } from './hpke/kem.ts'
export { xWing, xWingLibxmtpId, xWingRegisteredId } from './hpke/x-wing.ts'
export { limits } from './limits.ts'
export type { GroupContext } from './message/group-context.ts'
export type { CustomProposalType, PreSharedKeyId, Proposal, ReInit } from './message/proposal.ts'
export type {
  Commit,
  ContentType,
  MlsMessage,
  PrivateMessage,
  PublicMessage,
  Sender,
  Wire,
} from './message/wire.ts'
export type { GroupInfo, Welcome } from './message/welcome.ts'
export { contentTypes, decodeMessage, standardWire, wireWith } from './message/wire.ts'
export type { PreSharedKey } from './schedule/key-schedule.ts'
export type { LoadOptions, RecordChanges, Records } from './state/records.ts'
export { changesSince, loadGroup, recordsVersion } from './state/records.ts'
export { retire } from './state/retire.ts'
export type { Credential } from './tree/credential.ts'
export { basicCredential, basicIdentity, credentialTypes } from './tree/credential.ts'
export type {
  AppDataEntry,
  Extension,
  ExternalSender,
  RequiredCapabilities,
} from './tree/extension.ts'
export {
  appDataDictionaryExtension,
  applicationIdExtension,
  extensionTypes,
  externalSendersExtension,
  findExtension,
  lastResortExtension,
  proposalTypes,
  readAppDataDictionary,
  readApplicationId,
  readExternalSenders,
  readRequiredCapabilities,
  requiredCapabilitiesExtension,
} from './tree/extension.ts'
export type { KeyPackage } from './tree/key-package.ts'
export { keyPackageCodec } from './tree/key-package.ts'
export type { Capabilities, LeafNode, Lifetime } from './tree/leaf-node.ts'
export { firstBlankLeaf } from './tree/ratchet-tree.ts'
export { encodeTree } from './tree/tree-codec.ts'
export { platformRandom } from './crypto/random.ts'
