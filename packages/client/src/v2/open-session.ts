import { limits as contentLimits, type AnyCodec, type CodecRegistry } from '@xmtp-ts/content'
import {
  decodePrivateKeyBundle,
  publicKeyBundle,
  rememberingVerifier,
  verifyKeyBundle,
  XmtpError,
  type PrivateKeyBundle,
} from '@xmtp-ts/protocol'
import { platformCompressor } from '../compression.ts'
import { maxVerifiedBundles } from '../limits.ts'
import { createPublishToken } from '../network/publish-token.ts'
import { toSigner, type AnySigner } from '../signer.ts'
import type { KeyStore } from '../store/key-store.ts'
import { loadKeys } from './keys.ts'
import { openNetwork, type Network, type NetworkOptions } from './network-options.ts'
import { createTimestamps, type Problem, type Session } from './session.ts'

export type ClientOptions = NetworkOptions & {
  /** Beside text. Of two for one type the later wins. */
  readonly codecs?: readonly AnyCodec[] | undefined
  /** Bytes that compressed content may inflate to: 1 MiB unless given, 100 MB at most. */
  readonly maxContentSize?: number | undefined
  /** An encoded PrivateKeyBundle, as `Client.getKeys` returns; no signer is needed then. */
  readonly privateKeyOverride?: Uint8Array | undefined
  /** Keeps the keys on this device instead of in the network's private store. */
  readonly keyStore?: KeyStore | undefined
  /** Leaves the contact as it is: nobody finds an account that has never published it. */
  readonly skipContactPublishing?: boolean | undefined
  /** Publishes the contact in its V1 form only. */
  readonly publishLegacyContact?: boolean | undefined
  /** The list of conversations is read anew by each client; there is nothing else to choose yet. */
  readonly persistConversations?: false | undefined
  /** Awaited before the wallet is asked to sign a new identity. */
  readonly preCreateIdentityCallback?: (() => Promise<void>) | undefined
  /** Awaited before the wallet is asked to open or to encrypt the stored keys. */
  readonly preEnableIdentityCallback?: (() => Promise<void>) | undefined
  /** Told of every envelope that a list or a stream left out, and why. */
  readonly onProblem?: ((problem: Problem) => void) | undefined
}

/**
 * Opens the account of a signer, or of the keys in the options.
 * @throws XmtpError `client.signer.*`, `keyBundle.*`, `client.network.*`, `client.node.*`, `client.env.gone`
 */
export async function openSession(
  signer: AnySigner | null,
  parts: {
    readonly options: ClientOptions
    readonly codecs: CodecRegistry
    readonly signal: AbortSignal
  },
): Promise<Session> {
  const { options, codecs, signal } = parts
  const network = openNetwork(options, signal)
  const { api, environment } = network
  const keys = await keysOf(signer, { options, network })
  const { owner: account } = verifyKeyBundle(publicKeyBundle(keys))
  return {
    account,
    keys,
    api,
    token: createPublishToken({ identityKey: keys.identityKey, account, environment }),
    environment,
    signal,
    verify: rememberingVerifier(maxVerifiedBundles),
    codecs,
    compressor: platformCompressor,
    maxContentBytes: options.maxContentSize ?? contentLimits.defaultMaxContentBytes,
    report: options.onProblem ?? (() => undefined),
    timestampNs: createTimestamps(environment),
  }
}

async function keysOf(
  signer: AnySigner | null,
  { options, network }: { readonly options: ClientOptions; readonly network: Network },
): Promise<PrivateKeyBundle> {
  if (options.privateKeyOverride !== undefined)
    return decodePrivateKeyBundle(options.privateKeyOverride)
  if (signer === null)
    throw new XmtpError('client.signer.missing', 'There is neither a signer nor a key bundle.')
  return loadKeys(await toSigner(signer), {
    ...network,
    keyStore: options.keyStore,
    preCreateIdentity: options.preCreateIdentityCallback,
    preEnableIdentity: options.preEnableIdentityCallback,
  })
}
