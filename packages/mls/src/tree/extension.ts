import { empty } from '../bytes.ts'
import type { Codec } from '../codec/tls.ts'
import { decode, encode, opaque, struct, uint16, vector } from '../codec/tls.ts'
import type { MlsErrorCode } from '../errors.ts'
import { MlsError } from '../errors.ts'
import type { Credential } from './credential.ts'
import { credentialCodec } from './credential.ts'

/** One extension; `data` is kept byte for byte, whatever its type (RFC 9420 §13.1). */
export type Extension = { readonly type: number; readonly data: Uint8Array }

/** Extension types this library gives a meaning to (RFC 9420 §17.3, draft-ietf-mls-extensions). */
export const extensionTypes = {
  applicationId: 1,
  ratchetTree: 2,
  requiredCapabilities: 3,
  externalPub: 4,
  externalSenders: 5,
  appDataDictionary: 6,
  lastResort: 10,
} as const

/** Types every client supports without saying so (RFC 9420 §7.2). */
export const defaultExtensionTypes: ReadonlySet<number> = new Set([1, 2, 3, 4, 5])

/** Proposal types (RFC 9420 §17.4, draft-ietf-mls-extensions). */
export const proposalTypes = {
  add: 1,
  update: 2,
  remove: 3,
  preSharedKey: 4,
  reInit: 5,
  externalInit: 6,
  groupContextExtensions: 7,
  appDataUpdate: 8,
  appEphemeral: 9,
  selfRemove: 10,
} as const

/** Proposal types every client supports without saying so (RFC 9420 §7.2). */
export const defaultProposalTypes: ReadonlySet<number> = new Set([1, 2, 3, 4, 5, 6, 7])

/** What every member must support (RFC 9420 §11.1). */
export type RequiredCapabilities = {
  readonly extensions: readonly number[]
  readonly proposals: readonly number[]
  readonly credentials: readonly number[]
}

/** One party outside the group that may send proposals (RFC 9420 §12.1.8.1). */
export type ExternalSender = { readonly signatureKey: Uint8Array; readonly credential: Credential }

/** One component of the application's data in the group context (draft-ietf-mls-extensions). */
export type AppDataEntry = { readonly componentId: number; readonly data: Uint8Array }

export const extensionCodec: Codec<Extension> = struct<Extension>({ type: uint16, data: opaque })
export const extensionsCodec = vector(extensionCodec)

const requiredCapabilitiesCodec = struct<RequiredCapabilities>({
  extensions: vector(uint16),
  proposals: vector(uint16),
  credentials: vector(uint16),
})

const externalSendersCodec = vector(
  struct<ExternalSender>({ signatureKey: opaque, credential: credentialCodec }),
)

const appDataDictionaryCodec = vector(struct<AppDataEntry>({ componentId: uint16, data: opaque }))

/** The data of the first extension of a type. */
export function findExtension(
  extensions: readonly Extension[],
  type: number,
): Uint8Array | undefined {
  return extensions.find((extension) => extension.type === type)?.data
}

function reader<T>(type: number, codec: Codec<T>) {
  return (extensions: readonly Extension[]): T | undefined => {
    const data = findExtension(extensions, type)
    return data === undefined ? undefined : decode(codec, data)
  }
}

function writer<T>(type: number, codec: Codec<T>) {
  return (value: T): Extension => ({ type, data: encode(codec, value) })
}

/** @throws MlsError `codec.*` when the extension is there and malformed. */
export const readRequiredCapabilities = /* @__PURE__ */ reader(
  extensionTypes.requiredCapabilities,
  requiredCapabilitiesCodec,
)
export const requiredCapabilitiesExtension = /* @__PURE__ */ writer(
  extensionTypes.requiredCapabilities,
  requiredCapabilitiesCodec,
)

/** @throws MlsError `codec.*` when the extension is there and malformed. */
export const readExternalSenders = /* @__PURE__ */ reader(
  extensionTypes.externalSenders,
  externalSendersCodec,
)
export const externalSendersExtension = /* @__PURE__ */ writer(
  extensionTypes.externalSenders,
  externalSendersCodec,
)

/** @throws MlsError `codec.*` when the extension is there and malformed. */
export const readAppDataDictionary = /* @__PURE__ */ reader(
  extensionTypes.appDataDictionary,
  appDataDictionaryCodec,
)
export const appDataDictionaryExtension = /* @__PURE__ */ writer(
  extensionTypes.appDataDictionary,
  appDataDictionaryCodec,
)

/** @throws MlsError `codec.*` when the extension is there and malformed. */
export const readExternalPub = /* @__PURE__ */ reader(extensionTypes.externalPub, opaque)
export const externalPubExtension = /* @__PURE__ */ writer(extensionTypes.externalPub, opaque)

/** The application's own name of a leaf (RFC 9420 §5.3.3). */
export const readApplicationId = /* @__PURE__ */ reader(extensionTypes.applicationId, opaque)
export const applicationIdExtension = /* @__PURE__ */ writer(extensionTypes.applicationId, opaque)

/** Marks a key package that may be used more than once (RFC 9420 §16.8, type of draft-ietf-mls-extensions). */
export const lastResortExtension: Extension = {
  type: extensionTypes.lastResort,
  data: empty,
}

/**
 * A list of extensions has each type once at most (RFC 9420 §13.4); `code` names the list.
 *
 * @throws MlsError `code`
 */
export function checkTypesOnce(extensions: readonly Extension[], code: MlsErrorCode): void {
  const seen = new Set<number>()
  for (const { type } of extensions) {
    if (seen.has(type)) throw new MlsError(code, `Extension ${type} is there twice.`)
    seen.add(type)
  }
}
