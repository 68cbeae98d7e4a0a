import {
  createIdentityText,
  createPreKey,
  createUnsignedKey,
  createWalletPreKey,
  decodePrivateKeyBundle,
  decryptKeyBundle,
  enableIdentityText,
  encodePrivateKeyBundle,
  encodePrivateKeyBundleV2,
  encryptKeyBundle,
  isCurrentStoredForm,
  isLegacyBundle,
  parseStoredKeyBundle,
  privateStoreTopic,
  publicKeyBundle,
  signIdentityKey,
  verifyKeyBundle,
  XmtpError,
  type Address,
  type PrivateKeyBundle,
  type StoredKeyBundle,
} from '@xmtp-ts/protocol'
import { msToNs, type Environment } from '../environment.ts'
import type { Envelope, MessageApi } from '../network/message-api.ts'
import { createPublishToken } from '../network/publish-token.ts'
import type { WalletSigner } from '../signer.ts'
import type { KeyStore } from '../store/key-store.ts'

export type KeySource = {
  readonly api: MessageApi
  readonly environment: Environment
  /** Keeps the keys here and not in the network. */
  readonly keyStore?: KeyStore | undefined
  /** Before the wallet is asked to sign a new identity. */
  readonly preCreateIdentity?: (() => Promise<void>) | undefined
  /** Before the wallet is asked to open or to encrypt the stored keys. */
  readonly preEnableIdentity?: (() => Promise<void>) | undefined
}

/** Bytes of an AES-GCM tag. */
const tagBytes = 16

/**
 * The keys of a wallet's account, from the first place that has them: this device, the network's private store, a
 * new identity (v1-v2 §13.1). Two wallet prompts for a new account, one for a known one, none with a filled key store.
 * @throws XmtpError `keyBundle.undecryptable` or `keyBundle.malformed` when there are keys that do not open: new ones
 * would replace the account's identity; `client.signer.*`, `client.network.*`, `client.node.*`
 */
export async function loadKeys(signer: WalletSigner, source: KeySource): Promise<PrivateKeyBundle> {
  const { account } = signer
  const { keyStore } = source
  const kept = await keyStore?.load(account)
  if (kept !== undefined) return ownedBy(account, decodePrivateKeyBundle(kept))
  const stored = await newestStored(account, source)
  const keys = stored === undefined ? undefined : await openStored(stored, { signer, source })
  if (keys === undefined) return createKeys(signer, source)
  await keyStore?.save(account, encodeKeys(keys))
  return keys
}

/** The form to keep: V1 where the keys have it, as shipped SDKs exchange it, else V2. */
export function encodeKeys(keys: PrivateKeyBundle): Uint8Array {
  return isLegacyBundle(publicKeyBundle(keys))
    ? encodePrivateKeyBundle(keys)
    : encodePrivateKeyBundleV2(keys)
}

async function createKeys(signer: WalletSigner, source: KeySource): Promise<PrivateKeyBundle> {
  const { environment, keyStore } = source
  const { random } = environment
  const nowNs = msToNs(environment.nowMs())
  const unsigned = createUnsignedKey({ nowNs, random })
  await source.preCreateIdentity?.()
  const signature = await signer.signText(createIdentityText(unsigned.unsigned.keyBytes))
  const identityKey = signIdentityKey(unsigned, signature)
  const preKey = createPreKey(identityKey, { nowNs, random })
  const keys: PrivateKeyBundle = { identityKey, preKeys: [preKey] }
  if (keyStore === undefined) await storeKeys(keys, { signer, source, afterNs: 0n })
  else await keyStore.save(signer.account, encodeKeys(keys))
  return keys
}

async function newestStored(account: Address, { api }: KeySource): Promise<Envelope | undefined> {
  const topics = [privateStoreTopic(account)]
  for await (const page of api.query({ topics, direction: 'descending', pageSize: 1 })) {
    const newest = page.find(({ message }) => message.length > 0)
    if (newest !== undefined) return newest
  }
  return undefined
}

async function openStored(
  { message, timestampNs }: Envelope,
  { signer, source }: { signer: WalletSigner; source: KeySource },
): Promise<PrivateKeyBundle> {
  const stored = parseStoredKeyBundle(message)
  await source.preEnableIdentity?.()
  const signature = await signer.signText(enableIdentityText(stored.walletPreKey))
  const keys = ownedBy(signer.account, decryptKeyBundle(stored, signature))
  // Old clients left older forms, outside or inside; they are written anew once (v1-v2 §4).
  if (
    source.keyStore === undefined &&
    !(isCurrentStoredForm(message) && isCurrentInside(stored, keys))
  )
    await storeKeys(keys, { signer, source, afterNs: timestampNs })
  return keys
}

/** The older form inside lacks the wrapper of a few bytes: the length tells. */
function isCurrentInside({ ciphertext }: StoredKeyBundle, keys: PrivateKeyBundle): boolean {
  return ciphertext.payload.length === encodePrivateKeyBundle(keys).length + tagBytes
}

/** Encrypts keys under a wallet signature and puts them into the private store, as its newest entry. */
async function storeKeys(
  keys: PrivateKeyBundle,
  options: { signer: WalletSigner; source: KeySource; afterNs: bigint },
): Promise<void> {
  const { signer, source, afterNs } = options
  const { api, environment } = source
  const { account } = signer
  const walletPreKey = createWalletPreKey(environment.random)
  await source.preEnableIdentity?.()
  const walletSignature = await signer.signText(enableIdentityText(walletPreKey))
  const { random } = environment
  const message = encryptKeyBundle(keys, { walletPreKey, walletSignature, random })
  const nowNs = msToNs(environment.nowMs())
  const timestampNs = nowNs > afterNs ? nowNs : afterNs + 1n
  const token = createPublishToken({ identityKey: keys.identityKey, account, environment })
  await api.publish([{ topic: privateStoreTopic(account), timestampNs, message }], token)
}

function ownedBy(account: Address, keys: PrivateKeyBundle): PrivateKeyBundle {
  const { owner } = verifyKeyBundle(publicKeyBundle(keys))
  if (owner !== account)
    throw new XmtpError('keyBundle.malformed', `Keys of ${owner} were stored for ${account}.`)
  return keys
}
