import type { RecoverableEd25519Signature } from '@xmtp-ts/proto/identity/associations/signature'
import { PlaintextCommitLogEntry } from '@xmtp-ts/proto/mls/message_contents/commit_log'
import { equalBytes } from '../bytes.ts'
import { XmtpError } from '../errors.ts'
import { decodeWire } from '../wire.ts'
import { platform } from '#platform'

/** An entry of a group's commit log as it travels (v3-mls §3.9). */
export type SignedCommitLogEntry = {
  /** An encoded PlaintextCommitLogEntry, signed as it is. */
  readonly bytes: Uint8Array
  readonly signature: RecoverableEd25519Signature
}

/** Signs an entry with the group's key: plain Ed25519. @param secret the 32-byte seed, attribute `_commit_log_signer` */
export function signCommitLogEntry(
  secret: Uint8Array,
  entry: PlaintextCommitLogEntry,
): SignedCommitLogEntry {
  const bytes = PlaintextCommitLogEntry.encode(entry).finish()
  const signature = {
    bytes: platform.ed25519.sign(secret, bytes),
    publicKey: commitLogKey(secret),
  }
  return { bytes, signature }
}

/** The public half of the key of a group's commit log. @param secret the 32-byte seed */
export function commitLogKey(secret: Uint8Array): Uint8Array {
  return platform.ed25519.publicKey(secret)
}

/** Whether an entry is signed by the key that it brings, whatever it says. */
export function isCommitLogEntrySigned({ bytes, signature }: SignedCommitLogEntry): boolean {
  return platform.ed25519.verify(signature.publicKey, bytes, signature.bytes)
}

/**
 * Checks an entry for a group. The key is the one that the entry brings: which key is the group's own, members decide
 * by the first valid entry.
 * @throws XmtpError `v3.commitLog.badSignature` or `v3.commitLog.malformed`, also when it is of another group
 */
export function verifyCommitLogEntry(
  signed: SignedCommitLogEntry,
  groupId: Uint8Array,
): PlaintextCommitLogEntry {
  if (!isCommitLogEntrySigned(signed))
    throw new XmtpError('v3.commitLog.badSignature', 'The signature of an entry does not hold.')
  const entry = decodeWire(PlaintextCommitLogEntry, signed.bytes, 'v3.commitLog.malformed')
  if (!equalBytes(entry.groupId, groupId))
    throw new XmtpError('v3.commitLog.malformed', 'An entry is of another group.')
  return entry
}
