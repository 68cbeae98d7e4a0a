import type { XmtpError } from '@xmtp-ts/protocol'
import type { Environment } from '../environment.ts'
import type { IdentityApi } from '../network/identity-api.ts'
import type { MlsApi } from '../network/mls-api.ts'
import type { RecordStore } from '../store/record-store.ts'
import type { InboxDirectory } from './identity/directory.ts'
import type { KeyPackages } from './identity/key-packages.ts'
import type { GroupCache } from './group/group-cache.ts'
import type { Self } from './self.ts'
import type { Signals } from './signals.ts'

/** Something from outside that was not taken; everything else went on. */
export type Refusal = {
  readonly conversationId: string | undefined
  /** The place in the log of the group, or of the welcomes; 0 for an element of an archive. */
  readonly sequenceId: bigint
  readonly error: XmtpError
}

/** What everything in V3 works with. Made once by the client; nothing in it changes. */
export type Core = {
  readonly store: RecordStore
  readonly mls: MlsApi
  readonly identity: IdentityApi
  readonly environment: Environment
  readonly self: Self
  readonly inboxes: InboxDirectory
  readonly keyPackages: KeyPackages
  readonly groups: GroupCache
  readonly signals: Signals
  /** The libxmtp version whose rules this client keeps; groups that ask for a later one are paused. */
  readonly protocolVersion: string
  readonly onRefused: (refusal: Refusal) => void
  /** Told what went wrong in the background; it is tried again. */
  readonly report: (error: unknown) => void
  /** Reads back what was just sent to a group, in the background, unless a stream does it anyway. */
  readonly confirm: (groupId: string) => void
  /** Resolves when nothing that was sent to a group waits to be read back; never rejects. */
  readonly confirmed: (groupId: string) => Promise<void>
  /** Whether this installation keeps in step with the user's others. */
  readonly syncsDevices: boolean
  /** 42 bytes; another installation of ours may change it. */
  readonly hmacRootKey: () => Promise<Uint8Array>
  /** Ends everything that is under way. */
  readonly signal: AbortSignal
}

export function nowNs({ environment }: Pick<Core, 'environment'>): bigint {
  return BigInt(Math.trunc(environment.nowMs())) * 1_000_000n
}
