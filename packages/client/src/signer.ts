import {
  addressOfPoint,
  bytesFromHex,
  bytesToHex,
  compactWalletSignature,
  concatBytes,
  parseAddress,
  personalMessageDigest,
  publicPoint,
  recoverWallet,
  signDigest,
  utf8,
  XmtpError,
  type Address,
} from '@xmtp-ts/protocol'

/** A wallet as this SDK uses it: an account, and its EIP-191 signatures over texts. */
export type WalletSigner = {
  readonly account: Address
  /**
   * @returns 65 bytes r ‖ s ‖ v exactly as the wallet made them, checked to be this account's. Rejects with XmtpError
   * `client.signer.refused`, `client.signer.notExternallyOwned` or `client.signer.wrongAccount`
   */
  readonly signText: (text: string) => Promise<Uint8Array>
}

/** Signers of ethers 5 and 6, and of `@xmtp/xmtp-js`, whose declaration this is. */
export type Signer = {
  getAddress(): Promise<string>
  signMessage(message: ArrayLike<number> | string): Promise<string>
}

/** Local accounts of viem. */
export type AccountSigner = {
  readonly address: string
  signMessage(options: { message: string }): Promise<string>
}

/** Wallet clients of viem, with their account. */
export type WalletClientSigner = {
  readonly account?: { readonly address: string } | undefined
  signMessage(options: { account: unknown; message: string }): Promise<string>
}

/** An EIP-1193 provider, such as `window.ethereum`. */
export type ProviderSigner = {
  request(call: { method: string; params?: unknown }): Promise<unknown>
}

/** Whatever can sign for an account; a private key is 32 bytes or their hex. */
export type AnySigner =
  | string
  | Uint8Array
  | Signer
  | AccountSigner
  | WalletClientSigner
  | ProviderSigner

/**
 * Makes a signer of whatever an app has. Asks a provider for its accounts, which may prompt the user.
 * @throws XmtpError `client.signer.unusable` or `client.signer.refused`
 */
export async function toSigner(signer: AnySigner): Promise<WalletSigner> {
  if (typeof signer === 'string' || signer instanceof Uint8Array) return privateKeySigner(signer)
  const wallet = readWallet(signer)
  const account = parseAccount(await asked(wallet.address))
  return {
    account,
    signText: async (text) =>
      checkedSignature(await asked(() => wallet.sign(text, account)), { text, account }),
  }
}

/** What differs between kinds of wallets. */
type Wallet = {
  readonly address: () => Promise<unknown>
  readonly sign: (text: string, account: Address) => Promise<unknown>
}

type Method = (...values: readonly unknown[]) => unknown

/** Tells the kinds apart by what they have; a viem wallet client also has `request`, so the order matters. */
function readWallet(signer: object): Wallet {
  const method = (name: string): Method | undefined => {
    const value: unknown = Reflect.get(signer, name)
    return typeof value === 'function'
      ? (...values) => Reflect.apply(value, signer, values)
      : undefined
  }
  const signMessage = method('signMessage')
  const getAddress = method('getAddress')
  const request = method('request')
  const account: unknown = Reflect.get(signer, 'account')
  if (signMessage !== undefined && getAddress !== undefined)
    return {
      address: async () => getAddress(),
      sign: async (message) => signMessage(message),
    }
  if (signMessage !== undefined && typeof account === 'object' && account !== null)
    return {
      address: async () => Reflect.get(account, 'address'),
      sign: async (message) => signMessage({ account, message }),
    }
  const address: unknown = Reflect.get(signer, 'address')
  if (signMessage !== undefined && typeof address === 'string')
    return {
      address: async () => address,
      sign: async (message) => signMessage({ message }),
    }
  if (request !== undefined)
    return {
      address: async () => {
        const accounts: unknown = await request({ method: 'eth_requestAccounts', params: [] })
        return Array.isArray(accounts) ? accounts[0] : undefined
      },
      sign: async (text, account) =>
        request({ method: 'personal_sign', params: [`0x${bytesToHex(utf8(text))}`, account] }),
    }
  throw new XmtpError('client.signer.unusable', 'This signer has no way to sign that is known.')
}

function privateKeySigner(key: string | Uint8Array): WalletSigner {
  const secret = typeof key === 'string' ? bytesFromHex(key.replace(/^0x/, '')) : key.slice()
  if (secret?.length !== 32)
    throw new XmtpError('client.signer.unusable', 'A private key is not 32 bytes, or their hex.')
  const account = addressOfPoint(publicPoint(secret))
  return {
    account,
    signText: async (text) => {
      const { bytes, recovery } = signDigest(secret, personalMessageDigest(text))
      return concatBytes(bytes, Uint8Array.of(27 + recovery))
    },
  }
}

/** Wallets reject with anything: objects, strings, errors of many classes. */
async function asked(question: () => Promise<unknown>): Promise<unknown> {
  try {
    return await question()
  } catch (cause) {
    throw new XmtpError('client.signer.refused', 'The wallet did not answer.', { cause })
  }
}

/** In lower case first: some chains have checksums of their own. */
function parseAccount(value: unknown): Address {
  if (typeof value !== 'string')
    throw new XmtpError('client.signer.unusable', 'The wallet names no account.')
  return parseAddress(value.toLowerCase())
}

function checkedSignature(
  value: unknown,
  { text, account }: { text: string; account: Address },
): Uint8Array {
  const signature = typeof value === 'string' ? bytesFromHex(value.replace(/^0x/, '')) : undefined
  if (signature?.length !== 65)
    throw new XmtpError(
      'client.signer.notExternallyOwned',
      `The wallet of ${account} answered with ${signature?.length ?? 'no'} bytes, not with 65.`,
    )
  const point = recoverWallet(text, compactWalletSignature(signature))
  if (point === undefined || addressOfPoint(point) !== account)
    throw new XmtpError(
      'client.signer.wrongAccount',
      `The wallet of ${account} signed with another key; contract wallets do that too.`,
    )
  return signature
}
