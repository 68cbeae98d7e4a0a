export { XmtpError, attempt, errorCodes } from './errors.ts'
export type { ErrorCode, Result, XmtpErrorOptions } from './errors.ts'
export {
  bytesFromHex,
  bytesToHex,
  compareBytes,
  concatBytes,
  equalBytes,
  equalConstantTime,
  utf8,
} from './bytes.ts'
export type { Random } from './bytes.ts'
export { addressBytes, addressOfPoint, parseAddress } from './address.ts'
export type { Address } from './address.ts'
export * as limits from './limits.ts'

export {
  contactTopic,
  conversationTopic,
  directMessageTopic,
  ephemeralTopic,
  introTopic,
  inviteTopic,
  isEphemeral,
  parseContentTopic,
  preferencesTopic,
  privateStoreTopic,
  topicKind,
  topicOwner,
} from './topic/topic.ts'
export type { ContentTopic, TopicKind } from './topic/topic.ts'

export { sha256 } from './crypto/sha256.ts'
export { aes256GcmOpen, aes256GcmSeal, hkdfSha256, hmacSha256 } from './crypto/symmetric.ts'
export { decrypt, encodeCiphertext, encrypt, parseCiphertext } from './crypto/ciphertext.ts'
export type { Ciphertext } from './crypto/ciphertext.ts'
export {
  compactWalletSignature,
  encodeSignature,
  parseSignature,
  personalMessageDigest,
  publicPoint,
  recoverWallet,
  signDigest,
  verifyDigest,
} from './crypto/signature.ts'
export type { Point, Signature, SignatureKind } from './crypto/signature.ts'

export { createIdentityText, enableIdentityText } from './keys/sign-texts.ts'
export { isLegacyKey } from './keys/public-key.ts'
export type { SignedKey, UnsignedKey } from './keys/public-key.ts'
export {
  encodeKeyBundle,
  encodeKeyBundleV1,
  equalKeyBundles,
  isLegacyBundle,
  parseKeyBundle,
  parseKeyBundleV1,
  rememberingVerifier,
  verifyKeyBundle,
} from './keys/key-bundle.ts'
export type { KeyBundle, KeyBundleVerifier, VerifiedKeyBundle } from './keys/key-bundle.ts'
export {
  createPreKey,
  createUnsignedKey,
  decodePrivateKeyBundle,
  encodePrivateKeyBundle,
  encodePrivateKeyBundleV2,
  publicKeyBundle,
  signIdentityKey,
} from './keys/private-key-bundle.ts'
export type { PrivateKey, PrivateKeyBundle, UnsignedPrivateKey } from './keys/private-key-bundle.ts'
export {
  createWalletPreKey,
  decryptKeyBundle,
  encryptKeyBundle,
  isCurrentStoredForm,
  parseStoredKeyBundle,
} from './keys/stored-bundle.ts'
export type { StoredKeyBundle } from './keys/stored-bundle.ts'
export { encodeContactV1, encodeContactV2, findContact, parseContact } from './keys/contact.ts'
export type { Contact, VerifiedContact } from './keys/contact.ts'
export { sharedSecretAsRecipient, sharedSecretAsSender } from './keys/shared-secret.ts'

export { createToken, verifyToken } from './auth/token.ts'

export * as v2 from './v2/index.ts'
export * as v3 from './v3/index.ts'

export { openPreferences, preferencesTopicOf, sealPreferences } from './consent/preferences.ts'
export type { ConsentEntity, ConsentEntry, ConsentState } from './consent/preferences.ts'
export { consentProofText, createConsentProof, verifyConsentProof } from './consent/proof.ts'
