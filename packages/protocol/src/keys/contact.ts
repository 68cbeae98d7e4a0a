import { ContactBundle as WireContactBundle } from '@xmtp-ts/proto/message_contents/contact'
import { PublicKeyBundle as WireKeyBundleV1 } from '@xmtp-ts/proto/message_contents/keys'
import type { Address } from '../address.ts'
import { attempt, XmtpError, type Result } from '../errors.ts'
import { decodeWire } from '../wire.ts'
import {
  encodeKeyBundle,
  encodeKeyBundleV1,
  parseKeyBundle,
  parseKeyBundleV1,
  type KeyBundle,
  type KeyBundleVerifier,
  type VerifiedKeyBundle,
} from './key-bundle.ts'

/** What an account says about itself in its contact topic. Nothing is verified yet. */
export type Contact = {
  /** In which form it was published; decides between V1 and V2 conversations (v1-v2 §13.2). */
  readonly version: 'v1' | 'v2'
  readonly keyBundle: KeyBundle
}

/** A contact that belongs to the account it was looked up for. */
export type VerifiedContact = {
  readonly version: 'v1' | 'v2'
  readonly keyBundle: VerifiedKeyBundle
}

/** `ContactBundle{v1}`. @throws XmtpError `key.notLegacy` */
export function encodeContactV1(bundle: KeyBundle): Uint8Array {
  const value = { keyBundle: encodeKeyBundleV1(bundle) }
  return WireContactBundle.encode({ version: { $case: 'v1', value } }).finish()
}

/** `ContactBundle{v2}`. */
export function encodeContactV2(bundle: KeyBundle): Uint8Array {
  const value = { keyBundle: encodeKeyBundle(bundle) }
  return WireContactBundle.encode({ version: { $case: 'v2', value } }).finish()
}

/** Reads either version, and the bare V1 bundle of the oldest clients (v1-v2 §8). @throws XmtpError `contact.malformed` */
export function parseContact(bytes: Uint8Array): Contact {
  const wrapped = attempt(() => parseWrapped(bytes))
  if (wrapped.ok) return wrapped.value
  const bare = attempt(() =>
    parseKeyBundleV1(decodeWire(WireKeyBundleV1, bytes, 'contact.malformed')),
  )
  if (bare.ok) return { version: 'v1', keyBundle: bare.value }
  throw new XmtpError('contact.malformed', 'A contact does not parse.', { cause: wrapped.error })
}

/**
 * The contact of an account: the first payload that parses, verifies and belongs to it. Anything else in the topic is
 * skipped, whoever put it there.
 * @param payloads newest first; empty ones are skipped
 */
export function findContact(
  payloads: Iterable<Uint8Array>,
  options: { owner: Address; verify: KeyBundleVerifier },
): VerifiedContact | undefined {
  for (const payload of payloads) {
    const contact = verifyContact(payload, options)
    if (contact.ok) return contact.value
  }
  return undefined
}

function verifyContact(
  payload: Uint8Array,
  { owner, verify }: { owner: Address; verify: KeyBundleVerifier },
): Result<VerifiedContact> {
  return attempt(() => {
    const { version, keyBundle } = parseContact(payload)
    const verified = verify(keyBundle)
    if (verified.owner !== owner)
      throw new XmtpError(
        'contact.malformed',
        `A contact of ${owner} belongs to ${verified.owner}.`,
      )
    return { version, keyBundle: verified }
  })
}

function parseWrapped(bytes: Uint8Array): Contact {
  const { version } = decodeWire(WireContactBundle, bytes, 'contact.malformed')
  if (version === undefined) throw new XmtpError('contact.malformed', 'No version is set.')
  return version.$case === 'v1'
    ? { version: 'v1', keyBundle: parseKeyBundleV1(version.value.keyBundle) }
    : { version: 'v2', keyBundle: parseKeyBundle(version.value.keyBundle) }
}
