import type { v3 } from '@xmtp-ts/protocol'

/** Who this client is, in memory. */
export type Self = {
  readonly inboxId: v3.InboxId
  /** 32 bytes */
  readonly installationId: Uint8Array
  /** The Ed25519 seed of the installation, 32 bytes. */
  readonly signingKey: Uint8Array
}
