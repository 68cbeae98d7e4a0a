import type { Codec, Reader } from '../codec/tls.ts'
import {
  nothing,
  opaque,
  rest,
  struct,
  tagged,
  uint16,
  uint32,
  uint64,
  uint8,
  vector,
} from '../codec/tls.ts'
import { MlsError } from '../errors.ts'
import type { Extension } from '../tree/extension.ts'
import { extensionsCodec, proposalTypes } from '../tree/extension.ts'
import type { KeyPackage } from '../tree/key-package.ts'
import { keyPackageCodec } from '../tree/key-package.ts'
import type { LeafNode } from '../tree/leaf-node.ts'
import { leafNodeCodec } from '../tree/leaf-node.ts'

/** Why a resumption PSK is used (RFC 9420 §8.4). */
export type ResumptionUsage = 'application' | 'reInit' | 'branch'

/** Names one pre-shared key (RFC 9420 §8.4). `nonce` has the length of the suite's hash. */
export type PreSharedKeyId =
  | { readonly kind: 'external'; readonly id: Uint8Array; readonly nonce: Uint8Array }
  | {
      readonly kind: 'resumption'
      readonly usage: ResumptionUsage
      readonly groupId: Uint8Array
      readonly epoch: bigint
      readonly nonce: Uint8Array
    }

/** What a group is to be replaced with (RFC 9420 §12.1.5). */
export type ReInit = {
  readonly groupId: Uint8Array
  readonly version: number
  readonly cipherSuite: number
  readonly extensions: readonly Extension[]
}

/** A change to one component of the app data dictionary (draft-ietf-mls-extensions): no data means removal. */
export type AppDataUpdate = {
  readonly componentId: number
  readonly update:
    | { readonly kind: 'update'; readonly data: Uint8Array }
    | { readonly kind: 'remove' }
}

/** One change to the group (RFC 9420 §12.1). `custom` keeps the body of an application's own type as it came. */
export type Proposal =
  | { readonly kind: 'add'; readonly keyPackage: KeyPackage }
  | { readonly kind: 'update'; readonly leafNode: LeafNode }
  | { readonly kind: 'remove'; readonly removed: number }
  | { readonly kind: 'preSharedKey'; readonly psk: PreSharedKeyId }
  | ({ readonly kind: 'reInit' } & ReInit)
  | { readonly kind: 'externalInit'; readonly kemOutput: Uint8Array }
  | { readonly kind: 'groupContextExtensions'; readonly extensions: readonly Extension[] }
  | ({ readonly kind: 'appDataUpdate' } & AppDataUpdate)
  | { readonly kind: 'appEphemeral'; readonly componentId: number; readonly data: Uint8Array }
  | { readonly kind: 'selfRemove' }
  | { readonly kind: 'custom'; readonly type: number; readonly body: Uint8Array }

type Known = Exclude<Proposal, { kind: 'custom' }>

/**
 * How the bytes of an application's own proposal type are laid out. RFC 9420 gives proposals no length,
 * so only someone who knows the type can tell where it ends.
 */
export type CustomProposalType = {
  readonly type: number
  /** Moves the reader to the end of the body, or throws. */
  readonly skip: (reader: Reader) => void
  /** Whether a commit with this proposal must have a path (RFC 9420 §17.4, column "Path Required"). */
  readonly needsPath: boolean
}

/** In the order of their numbers, from 1 on (RFC 9420 §8.4). */
const usages: readonly ResumptionUsage[] = ['application', 'reInit', 'branch']

const usageCodec: Codec<ResumptionUsage> = {
  write: (writer, usage) => uint8.write(writer, usages.indexOf(usage) + 1),
  read(reader) {
    const raw = uint8.read(reader)
    const usage = usages[raw - 1]
    if (usage === undefined)
      throw new MlsError('codec.unknownValue', `resumption_psk_usage is ${raw}.`)
    return usage
  },
}

type Resumption = Omit<Extract<PreSharedKeyId, { kind: 'resumption' }>, 'kind'>

export const preSharedKeyIdCodec = tagged<PreSharedKeyId>(uint8, 'psktype', {
  external: [1, struct<{ id: Uint8Array; nonce: Uint8Array }>({ id: opaque, nonce: opaque })],
  resumption: [
    2,
    struct<Resumption>({ usage: usageCodec, groupId: opaque, epoch: uint64, nonce: opaque }),
  ],
})

/** What a group is to become; also how it is stored. */
export const reInitCodec = struct<ReInit>({
  groupId: opaque,
  version: uint16,
  cipherSuite: uint16,
  extensions: extensionsCodec,
})

// The operation byte stands between the component and its data, and nothing gives the whole a length.
const appDataUpdateCodec = struct<AppDataUpdate>({
  componentId: uint16,
  update: tagged<AppDataUpdate['update']>(uint8, 'app_data_update_operation', {
    update: [1, struct<{ data: Uint8Array }>({ data: opaque })],
    remove: [2, nothing],
  }),
})

const knownCodec = tagged<Known>(uint16, 'proposal_type', {
  add: [proposalTypes.add, struct<{ keyPackage: KeyPackage }>({ keyPackage: keyPackageCodec })],
  update: [proposalTypes.update, struct<{ leafNode: LeafNode }>({ leafNode: leafNodeCodec })],
  remove: [proposalTypes.remove, struct<{ removed: number }>({ removed: uint32 })],
  preSharedKey: [
    proposalTypes.preSharedKey,
    struct<{ psk: PreSharedKeyId }>({ psk: preSharedKeyIdCodec }),
  ],
  reInit: [proposalTypes.reInit, reInitCodec],
  externalInit: [
    proposalTypes.externalInit,
    struct<{ kemOutput: Uint8Array }>({ kemOutput: opaque }),
  ],
  groupContextExtensions: [
    proposalTypes.groupContextExtensions,
    struct<{ extensions: readonly Extension[] }>({ extensions: extensionsCodec }),
  ],
  appDataUpdate: [proposalTypes.appDataUpdate, appDataUpdateCodec],
  appEphemeral: [
    proposalTypes.appEphemeral,
    struct<{ componentId: number; data: Uint8Array }>({ componentId: uint16, data: opaque }),
  ],
  selfRemove: [proposalTypes.selfRemove, nothing],
})

/** The proposal codec of a group that knows the given types of its application. */
export function proposalCodecWith(custom: readonly CustomProposalType[]): Codec<Proposal> {
  return {
    write(writer, proposal) {
      if (proposal.kind !== 'custom') return knownCodec.write(writer, proposal)
      uint16.write(writer, proposal.type)
      rest.write(writer, proposal.body)
    },
    read(reader) {
      const start = reader.offset
      const type = uint16.read(reader)
      const layout = custom.find((candidate) => candidate.type === type)
      if (layout === undefined) {
        reader.offset = start
        return knownCodec.read(reader)
      }
      const bodyStart = reader.offset
      layout.skip(reader)
      return { kind: 'custom', type, body: reader.bytes.subarray(bodyStart, reader.offset) }
    },
  }
}

/** The registered number of a proposal's type. */
export function proposalType(proposal: Proposal): number {
  return proposal.kind === 'custom' ? proposal.type : proposalTypes[proposal.kind]
}

/** A pre-shared key proposal list as it stands in GroupSecrets. */
export const preSharedKeyIdsCodec = vector(preSharedKeyIdCodec)
