import type {
  AnyCodec,
  Attachment,
  ContentOf,
  GroupUpdated,
  Intent,
  LeaveRequest,
  MultiRemoteAttachment,
  ReadReceipt,
  RemoteAttachment,
  TransactionReference,
  WalletSendCalls,
} from '@xmtp-ts/content'
import type { ForkRecoveryOptions } from '../commit-log/worker.ts'
import type { Refusal } from '../core.ts'
import type { InboxWarning } from '../identity/publish-update.ts'
import type { Actions, Reaction } from '../message/built-in-codecs.ts'
import type { DeletedMessage, EnrichedReply } from '../message/decoded-message.ts'
import type { ContentOptions } from '../message/session.ts'
import type { Backend, NetworkOptions } from './backend.ts'
import type { StorageOptions } from './store.ts'

export type DeviceSyncOptions = {
  /** The history service, where archives for this user's other installations go: `HistorySyncUrls[env]`; null for none. */
  readonly historySyncUrl?: string | null | undefined
  /** Neither tells the user's other installations anything nor does what they say. */
  readonly disableDeviceSync?: boolean | undefined
}

/** As `@xmtp/node-sdk` names them; this client writes no log, whatever the level. See `onRefused` and `onError`. */
export const LogLevel = {
  Off: 'Off',
  Error: 'Error',
  Warn: 'Warn',
  Info: 'Info',
  Debug: 'Debug',
  Trace: 'Trace',
} as const
export type LogLevel = (typeof LogLevel)[keyof typeof LogLevel]

export type OtherOptions = {
  /** What is done about conversations whose members are in different states; nobody is asked for anything unless given. */
  readonly forkRecovery?: ForkRecoveryOptions | undefined
  /** Taken and not used: this client writes no log. */
  readonly structuredLogging?: boolean | undefined
  /** Taken and not used: this client writes no log. */
  readonly loggingLevel?: LogLevel | undefined
  /** Makes no installation known to others before `register()` is called. */
  readonly disableAutoRegister?: boolean | undefined
  /** Of an inbox that has to be created; if left out, 1. */
  readonly nonce?: bigint | undefined
  /** Told of every message and welcome that was not taken, and why. */
  readonly onRefused?: ((refusal: Refusal) => void) | undefined
  /** Told when the inbox gets near a limit that it cannot pass. */
  readonly onWarning?: ((warning: InboxWarning) => void) | undefined
  /** Told what went wrong in the background; it is tried again. */
  readonly onError?: ((error: unknown) => void) | undefined
}

export type ClientOptions = (NetworkOptions | { readonly backend: Backend }) &
  DeviceSyncOptions &
  StorageOptions &
  ContentOptions &
  OtherOptions

/** What messages hold without codecs of an app. */
export type BuiltInContentTypes =
  | string
  | Reaction
  | ReadReceipt
  | Attachment
  | RemoteAttachment
  | MultiRemoteAttachment
  | TransactionReference
  | WalletSendCalls
  | Actions
  | Intent
  | GroupUpdated
  | LeaveRequest
  | DeletedMessage

/** What messages of a client with these codecs hold. */
export type ContentsOf<Codecs extends readonly AnyCodec[]> =
  | BuiltInContentTypes
  | ContentOf<Codecs[number]>
  | EnrichedReply
