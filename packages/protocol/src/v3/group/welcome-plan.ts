import type { WelcomeMessageInput } from '@xmtp-ts/proto/mls/api/v1/mls'
import type { Random } from '../../bytes.ts'
import { XmtpError } from '../../errors.ts'
import { maxWelcomeRequestBytes, maxWelcomesPerRequest } from '../../limits.ts'
import type { ReadKeyPackage, WelcomeRecipient } from './key-package.ts'
import { sealPointed, sealPointer } from './pointer.ts'
import { sealWelcome } from './welcome.ts'

export type WelcomePlanOptions = {
  /** Those that the commit added, by their key packages. */
  readonly installations: readonly ReadKeyPackage[]
  /** An MLSMessage with a Welcome. */
  readonly welcome: Uint8Array
  /** The id that the node gave to the commit. */
  readonly messageCursor: bigint
  readonly random: Random
}

/** Pointers cost one more message and spare a copy of the tree for each installation that reads them. */
const mostWithoutPointer = 2

/**
 * The messages that bring a welcome to everybody, in the order in which they must be sent: pointers are used when more
 * than two installations read them, and what they point to comes first (v3-mls §4.2, §4.3).
 *
 * @throws XmtpError `v3.keyPackage.invalid` when nothing can be sealed to any key of an installation
 */
export async function planWelcomes(
  options: WelcomePlanOptions,
): Promise<readonly WelcomeMessageInput[]> {
  const { installations, welcome, messageCursor, random } = options
  const metadata = { messageCursor }
  const capable = installations.filter(({ supportsPointers }) => supportsPointers)
  const pointed =
    capable.length > mostWithoutPointer ? sealPointed({ welcome, metadata, random }) : undefined
  const inputs: WelcomeMessageInput[] = pointed
    ? [
        {
          version: {
            $case: 'v1',
            value: { ...pointed.sealed, installationKey: pointed.pointer.destination },
          },
        },
      ]
    : []
  for (const installation of installations) {
    const installationKey = installation.installationId
    const pointer = installation.supportsPointers ? pointed?.pointer : undefined
    if (pointer) {
      const seal = (recipient: WelcomeRecipient) => sealPointer(pointer, recipient, random)
      const value = { ...(await sealToEither(installation, seal)), installationKey }
      inputs.push({ version: { $case: 'welcomePointer', value } })
    } else {
      const seal = (recipient: WelcomeRecipient) =>
        sealWelcome({ welcome, metadata, recipient, random })
      const value = { ...(await sealToEither(installation, seal)), installationKey }
      inputs.push({ version: { $case: 'v1', value } })
    }
  }
  return inputs
}

/**
 * Seals to the post-quantum key, and to the init key where there is none or where it is no key: one installation with a
 * broken key must not keep the others out.
 */
async function sealToEither<T>(
  { wrapper, keyPackage }: ReadKeyPackage,
  seal: (recipient: WelcomeRecipient) => Promise<T>,
): Promise<T> {
  const initKey = { publicKey: keyPackage.initKey, algorithm: 'x25519' } as const
  if (wrapper === undefined) return seal(initKey)
  try {
    return await seal(wrapper)
  } catch (error) {
    if (!(error instanceof XmtpError)) throw error
    return seal(initKey)
  }
}

/** How many welcomes go into one request: as many as fit, judged by the first, and 50 at most (v3-mls §4.3). */
export function chunkWelcomes(
  inputs: readonly WelcomeMessageInput[],
): readonly (readonly WelcomeMessageInput[])[] {
  const [first] = inputs
  if (first === undefined) return []
  const fitting = Math.floor(maxWelcomeRequestBytes / Math.max(1, sizeOf(first)))
  const size = Math.min(Math.max(fitting, 1), maxWelcomesPerRequest)
  const chunks: (readonly WelcomeMessageInput[])[] = []
  for (let start = 0; start < inputs.length; start += size)
    chunks.push(inputs.slice(start, start + size))
  return chunks
}

function sizeOf({ version }: WelcomeMessageInput): number {
  if (version === undefined) return 0
  const { installationKey, hpkePublicKey } = version.value
  const sealed =
    version.$case === 'v1'
      ? version.value.data.length + version.value.welcomeMetadata.length
      : version.value.welcomePointer.length
  return installationKey.length + hpkePublicKey.length + sealed
}
