import { readFileSync } from 'node:fs'

export const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))
const here = (path: string) => new URL(path, import.meta.url)
const read = <T>(path: string) => JSON.parse(readFileSync(here(path), 'utf8')) as T

export type Sealed = {
  readonly topicKey: string
  readonly hpkePublicKey: string
  readonly wrapperAlgorithm: number
  readonly data: string
  readonly welcomeMetadata?: string
}

export type CapturedInstallation = {
  readonly name: string
  readonly installationId: string
  readonly signaturePrivateKey: string
  readonly keyPackages: readonly {
    readonly initPrivateKey: string
    readonly leafEncryptionPrivateKey: string
    readonly postQuantumPrivateKey?: string
    readonly postQuantumPublicKey?: string
  }[]
  readonly storedMessages: readonly {
    readonly envelopeId: number | string
    readonly encodedContent: string
  }[]
  readonly commitLog: readonly {
    readonly groupId: string
    readonly envelopeId: number | string
    readonly kind?: string
    readonly result: string
    readonly epochAfter: number
    readonly epochAuthenticatorAfter: string
  }[]
}

type MlsCapture = {
  readonly installations: readonly CapturedInstallation[]
  readonly keyPackages: readonly { readonly installationId: string; readonly bytes: string }[]
  readonly welcomes: readonly Sealed[]
  readonly pointers: readonly Sealed[]
  readonly messages: readonly { readonly groupId: string; readonly data: string }[]
}

type Place = { readonly id: string; readonly createdNs: string; readonly isCommit?: boolean }

/** What libxmtp made of a conversation, as the SDK showed it at the end. */
export type CapturedView = {
  readonly client: string
  readonly epoch: string
  readonly isActive: boolean
  readonly name?: string
  readonly description?: string
  readonly imageUrl?: string
  readonly appData?: string
  readonly admins?: readonly string[]
  readonly superAdmins?: readonly string[]
  readonly permissions?: { readonly policyType: number; readonly policySet: object }
  readonly metadata: { readonly creatorInboxId: string; readonly conversationType: number }
  readonly members: readonly {
    readonly inboxId: string
    readonly installationIds: readonly string[]
    readonly permissionLevel: number
  }[]
}

/** Places and times of what `packages/mls/test/vectors` holds, and what became of it. */
type Replay = {
  readonly capture: string
  readonly messages: readonly Place[]
  readonly welcomes: readonly Place[]
  readonly pointers: readonly Place[]
  readonly order: readonly ('message' | 'welcome' | 'pointer')[]
  readonly installations: readonly {
    readonly name: string
    readonly stored: readonly {
      readonly groupId: string
      readonly id: string
      readonly envelopeId: number | string
      readonly kind: string
      readonly senderInboxId: string
      readonly sentAtNs: string
    }[]
    readonly groups: readonly {
      readonly groupId: string
      readonly membershipState: number
      readonly conversationType: number
      readonly addedByInboxId: string
    }[]
  }[]
  readonly views: readonly CapturedView[]
}

type IdentityCapture = {
  readonly capture: string
  readonly wallets: readonly { readonly name: string; readonly address: string }[]
  readonly installations: readonly { readonly name: string; readonly inboxId: string }[]
  readonly timeline: readonly {
    readonly t: string
    readonly inboxId?: string
    readonly sequenceId?: number
    readonly bytes?: string
  }[]
}

const replays = read<Replay[]>('../../../test/vectors/v3/replays.json')
const identities = read<IdentityCapture[]>('../../../test/vectors/v3/identity-logs.json')

export type Scenario = {
  readonly mls: MlsCapture
  readonly replay: Replay
  readonly identity: IdentityCapture
}

export function scenario(name: string): Scenario {
  const replay = replays.find(({ capture }) => capture === name)
  const identity = identities.find(({ capture }) => capture === name)
  if (replay === undefined || identity === undefined) throw new Error(`No capture ${name}.`)
  return {
    mls: read<MlsCapture>(`../../mls/test/vectors/xmtp-${name}.json`),
    replay,
    identity,
  }
}
