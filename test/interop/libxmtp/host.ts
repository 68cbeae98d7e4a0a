// The far end of the driver: runs where the SDK runs, a process with the native binding or a page with the WASM one. It
// knows no operation by name: a request names an object, a path from it and arguments, so that everything the SDK can
// do is within reach of a test.
import { toBytes, type Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { fromJson, toJson, type Json, type Tagged } from './values.ts'

export type Request = {
  readonly id: number
  /** Handle of an object that an earlier answer gave; absent means the SDK itself. */
  readonly on?: number
  readonly path: readonly string[]
  readonly args: readonly Json[]
  /** The call opens a stream, whose events go out under this number. */
  readonly stream?: number
}

export type Answer =
  | { readonly id: number; readonly value: Json }
  | { readonly id: number; readonly error: string }
  | { readonly stream: number; readonly event: string; readonly value: Json }

/** What `{ $: 'signer' }` carries. */
export type SignerSpec = {
  readonly privateKey: Hex
  /** The wallet is a contract; the key is its owner's. */
  readonly contract?: { readonly address: Hex; readonly chainId: number; readonly block?: number }
}

type Loose = Record<string, unknown>

/** The classes of an SDK whose objects stay here, known to the test by a handle. */
export type Sdk = {
  readonly Client: Function
  readonly Conversation: Function
  readonly Dm: Function
}

/**
 * @param sdk what paths without an object start from
 * @param others more classes whose objects stay here
 */
export function createHost(
  sdk: Sdk,
  others: readonly Function[],
  send: (answer: Answer) => void,
): (request: Request) => Promise<void> {
  const objects: object[] = [sdk]
  const handles = new Map<object, number>([[sdk, 0]])

  function handleOf(object: object): number {
    const known = handles.get(object)
    if (known !== undefined) return known
    handles.set(object, objects.length)
    return objects.push(object) - 1
  }

  const classes = [sdk.Client, sdk.Conversation, ...others]

  const reference = (object: object): Tagged => ({
    $: 'object',
    is: {
      handle: handleOf(object),
      ...(object instanceof sdk.Conversation && {
        id: (object as unknown as { id: string }).id,
        kind: object instanceof sdk.Dm ? 'dm' : 'group',
      }),
    },
  })
  const keep = (object: object) =>
    classes.some((shape) => object instanceof shape) ? reference(object) : undefined
  const encode = (value: unknown) => toJson(value, keep)

  function revive({ $: tag, is }: Tagged): unknown {
    if (tag === 'object') return objects[(is as { handle: number }).handle]
    if (tag === 'signer') return signerOf(is as SignerSpec)
    if (tag === 'codec') return rawCodec(is as { authorityId: string; typeId: string })
    throw new TypeError(`Nothing is tagged ${tag}.`)
  }

  function withEvents(options: unknown, stream: number): Loose {
    const names = ['onValue', 'onError', 'onEnd', 'onFail', 'onRetry', 'onRestart']
    const listeners = names.map((event) => [
      event,
      (value: unknown) =>
        send({ stream, event, value: value instanceof Error ? value.message : encode(value) }),
    ])
    return { ...(options as Loose | null), ...Object.fromEntries(listeners) }
  }

  async function answer({ on = 0, path, args, stream }: Request): Promise<unknown> {
    let parent: Loose | undefined
    let target: unknown = objects[on]
    for (const name of path) {
      parent = target as Loose
      target = parent[name]
    }
    if (typeof target !== 'function') {
      if (args.length > 0) throw new TypeError(`${path.join('.')} is not a method of this SDK.`)
      return target
    }
    const values = args.map((arg) => fromJson(arg, revive))
    if (stream !== undefined) values[0] = withEvents(values[0], stream)
    const result: unknown = await target.apply(parent, values)
    return stream === undefined ? result : reference(result as object)
  }

  return async (request) => {
    try {
      send({ id: request.id, value: encode(await answer(request)) })
    } catch (error) {
      send({ id: request.id, error: error instanceof Error ? error.message : String(error) })
    }
  }
}

function signerOf({ privateKey, contract }: SignerSpec) {
  const account = privateKeyToAccount(privateKey)
  const identifier = (contract?.address ?? account.address).toLowerCase()
  return {
    type: contract === undefined ? 'EOA' : 'SCW',
    getIdentifier: () => ({ identifier, identifierKind: 0 }),
    signMessage: async (message: string) => toBytes(await account.signMessage({ message })),
    ...(contract && { getChainId: () => BigInt(contract.chainId) }),
    ...(contract?.block !== undefined && { getBlockNumber: () => BigInt(contract.block ?? 0) }),
  }
}

/** Hands over the encoded content as it is, so that a test sees the bytes of types that libxmtp does not know. */
const rawCodec = (type: { authorityId: string; typeId: string }) => ({
  contentType: { versionMajor: 1, versionMinor: 0, ...type },
  encode: (content: unknown) => content,
  decode: (content: unknown) => content,
  fallback: () => undefined,
  shouldPush: () => true,
})
