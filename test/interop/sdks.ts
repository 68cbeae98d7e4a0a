import { createRequire } from 'node:module'
import * as ours from '@xmtp-ts/client/v2'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import type * as Reference from 'xmtp-js-11'

/** The published SDK's own declarations: whoever is under test is driven as its users drive it. */
export type Sdk = Pick<typeof Reference, 'Client' | 'SortDirection'>
export type SdkClient = Awaited<ReturnType<typeof Reference.Client.create>>

// Their ESM entry does not load in Node (a missing extension in a dependency); their users take the CommonJS one.
const require = createRequire(import.meta.url)

/** The whole of one published SDK, for its constants and types of content. */
export const published11 = require('xmtp-js-11') as typeof Reference

/** Who takes part: unmodified published SDKs, pinned by version, and ours behind the same calls. */
export const sdks: Readonly<Record<'xmtp-js 11.6.3' | 'xmtp-js 13.0.4' | 'ours', Sdk>> = {
  'xmtp-js 11.6.3': published11,
  'xmtp-js 13.0.4': require('xmtp-js-13') as Sdk,
  ours: ours as unknown as Sdk,
}

export type SdkName = keyof typeof sdks

/** Writer and reader: ours with each of them both ways, and they with each other, which proves the node alone. */
export const pairs: readonly (readonly [SdkName, SdkName])[] = [
  ['ours', 'xmtp-js 11.6.3'],
  ['xmtp-js 11.6.3', 'ours'],
  ['ours', 'xmtp-js 13.0.4'],
  ['xmtp-js 13.0.4', 'ours'],
  ['xmtp-js 11.6.3', 'xmtp-js 13.0.4'],
  ['ours', 'ours'],
]

export type Wallet = {
  readonly address: string
  getAddress(): Promise<string>
  signMessage(message: string): Promise<string>
  /** What the wallet was asked to sign, first lines only. */
  readonly prompts: string[]
}

/** A new wallet in the shape that the SDKs ask for, which remembers its prompts. */
export function newWallet(): Wallet {
  const account = privateKeyToAccount(generatePrivateKey())
  const prompts: string[] = []
  return {
    address: account.address,
    prompts,
    getAddress: async () => account.address,
    signMessage: async (message) => {
      prompts.push(message.split('\n')[0] ?? '')
      return account.signMessage({ message })
    },
  }
}

/** Takes `count` items, or fails by name after `timeoutMs`. */
export async function take<T>(
  items: AsyncIterable<T>,
  count: number,
  timeoutMs = 15_000,
): Promise<T[]> {
  const taken: T[] = []
  const iterator = items[Symbol.asyncIterator]()
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${taken.length} of ${count} items came within ${timeoutMs} ms.`)),
      timeoutMs,
    )
  })
  try {
    while (taken.length < count) {
      const next = await Promise.race([iterator.next(), late])
      if (next.done === true) throw new Error(`The stream ended after ${taken.length} items.`)
      taken.push(next.value)
    }
    return taken
  } finally {
    clearTimeout(timer)
    void iterator.return?.()
  }
}
