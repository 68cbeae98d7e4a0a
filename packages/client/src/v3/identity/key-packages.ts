import { KeyPackage as KeyPackageRow } from '@xmtp-ts/proto/store/v1/store'
import { bytesToHex, type v3 } from '@xmtp-ts/protocol'
import {
  createInstallationKeyPackage,
  readKeyPackage,
  type WelcomeKey,
  type WelcomeKeyLookup,
} from '@xmtp-ts/protocol/group'
import { msToNs, type Environment } from '../../environment.ts'
import {
  keyPackageClaimNs,
  keyPackageKeptNs,
  keyPackageRotationNs,
  maxKeptKeyPackages,
  pulledRotationNs,
} from '../../limits.ts'
import type { MlsApi } from '../../network/mls-api.ts'
import { underPrefix, type RecordStore, type StoredRecord } from '../../store/record-store.ts'
import { keys } from '../records/keys.ts'
import { decodeNumber, decodeRow, encodeNumber, encodeRow, scanAll } from '../records/rows.ts'

/** What welcomes are opened with. */
export type WelcomeKeys = {
  readonly own: readonly OwnKeyPackage[]
  /** Finds init keys and X-Wing keys by their public bytes. */
  readonly findKey: WelcomeKeyLookup
}

type OwnKeyPackage = Awaited<ReturnType<typeof createInstallationKeyPackage>>['own']

/**
 * The key packages of this installation (v3-mls §2): one at the node, and the private keys of those before it for as
 * long as welcomes may come for them. Methods reject with XmtpError `client.network.*`, `client.node.*`,
 * `client.store.*` or `client.closed`.
 */
export interface KeyPackages {
  /** The key package to register with, the same at every call until it is a day old. Does not upload it. */
  prepare(): Promise<Uint8Array>
  /** Puts a new key package at the node when it is time to, and deletes keys whose time is over. */
  rotateIfDue(): Promise<void>
  /** Puts a new key package at the node now. */
  rotate(): Promise<void>
  /** After any welcome, even one that failed: the key package is replaced in 5 seconds. */
  pullRotation(): Promise<void>
  /** When the next replacement is due, Unix nanoseconds. */
  nextRotationNs(): Promise<bigint>
  /** Everything that a welcome may be for. */
  load(): Promise<WelcomeKeys>
}

export type KeyPackagesOptions = {
  readonly store: RecordStore
  readonly mls: Pick<MlsApi, 'uploadKeyPackage'>
  readonly environment: Environment
  readonly self: { readonly inboxId: v3.InboxId; readonly signingKey: Uint8Array }
}

/** One that is about to be uploaded by nobody else. */
type Claimed = { readonly key: string; readonly bytes: Uint8Array }

type Kept = StoredRecord & { readonly row: KeyPackageRow }

/** A key package of ours as welcomes want it; made once, since much is worked out from the bytes of its keys. */
type Ready = {
  readonly own: OwnKeyPackage
  readonly found: readonly (readonly [publicKey: string, key: WelcomeKey])[]
}

export function createKeyPackages(options: KeyPackagesOptions): KeyPackages {
  const { store, mls, environment, self } = options
  const read = new Map<string, Ready>()
  let unsent: Claimed | undefined
  const now = () => msToNs(environment.nowMs())

  async function readAll(): Promise<readonly Kept[]> {
    const records = await scanAll(store, keys.keyPackages)
    return records.map((record) => ({ ...record, row: decodeRow(KeyPackageRow, record.value) }))
  }

  async function readRotation(): Promise<Uint8Array | undefined> {
    return (await store.get([keys.rotation]))[0]
  }

  async function make(): Promise<{ readonly key: string; readonly row: KeyPackageRow }> {
    const made = await createInstallationKeyPackage({
      installationSecretKey: self.signingKey,
      inboxId: self.inboxId,
      nowSeconds: now() / 1_000_000_000n,
      random: environment.random,
    })
    const row: KeyPackageRow = {
      keyPackage: made.bytes,
      initPrivateKey: made.initPrivateKey,
      leafPrivateKey: made.leafPrivateKey,
      wrapperPublicKey: made.wrapperPublicKey ?? new Uint8Array(),
      wrapperSeed: made.wrapperSeed ?? new Uint8Array(),
      uploadedAtNs: now(),
      deleteAtNs: 0n,
    }
    return { key: keys.keyPackage(made.initPublicKey), row }
  }

  /**
   * Stores a new key package before anybody can see it, and the time until which nobody else makes one.
   * @returns undefined when another process was faster
   */
  async function claim(
    rotation: Uint8Array | undefined,
    untilNs: bigint,
  ): Promise<Claimed | undefined> {
    const { key, row } = await make()
    const isWritten = await store.write({
      expect: [{ key: keys.rotation, value: rotation }],
      put: [
        { key, value: encodeRow(KeyPackageRow, row) },
        { key: keys.rotation, value: encodeNumber(untilNs) },
      ],
    })
    return isWritten && { key, bytes: row.keyPackage }
  }

  /** The same for one whose upload has failed: a node that is away for long does not make this client collect keys. */
  async function claimAgain(
    { key, bytes }: Claimed,
    rotation: Uint8Array | undefined,
    untilNs: bigint,
  ): Promise<Claimed | undefined> {
    const isWritten = await store.write({
      expect: [{ key: keys.rotation, value: rotation }],
      put: [{ key: keys.rotation, value: encodeNumber(untilNs) }],
    })
    return isWritten && { key, bytes }
  }

  async function rotateFrom(rotation: Uint8Array | undefined): Promise<void> {
    const claimedUntilNs = now() + keyPackageClaimNs
    const failed = await lastFailed()
    const claimed = await (failed === undefined
      ? claim(rotation, claimedUntilNs)
      : claimAgain(failed, rotation, claimedUntilNs))
    if (claimed === undefined) return
    try {
      unsent = claimed
      await mls.uploadKeyPackage(claimed.bytes)
      unsent = undefined
    } catch (error) {
      await pull()
      throw error
    }
    if (!(await retire(claimed.key, encodeNumber(claimedUntilNs)))) await pull()
  }

  /**
   * The one at the node is `current`: all others are kept for a day. When the claim is not ours any more it is not known
   * which one the node has, and nothing changes.
   */
  async function retire(current: string, rotation: Uint8Array): Promise<boolean> {
    const others = (await readAll()).filter(
      ({ key, row }) => key !== current && row.deleteAtNs === 0n,
    )
    const deleteAtNs = now() + keyPackageKeptNs
    const isWritten = await store.write({
      expect: [{ key: keys.rotation, value: rotation }],
      put: [
        ...others.map(({ key, row }) => ({
          key,
          value: encodeRow(KeyPackageRow, { ...row, deleteAtNs }),
        })),
        { key: keys.rotation, value: encodeNumber(now() + keyPackageRotationNs) },
      ],
    })
    return isWritten !== undefined
  }

  /** Undefined also when it is a day old, or another process has replaced it. */
  async function lastFailed(): Promise<Claimed | undefined> {
    const [record] = unsent === undefined ? [] : await store.get([unsent.key])
    if (record === undefined) return undefined
    const { uploadedAtNs, deleteAtNs } = decodeRow(KeyPackageRow, record)
    const isFresh = deleteAtNs === 0n && uploadedAtNs + keyPackageKeptNs > now()
    return isFresh ? unsent : undefined
  }

  async function pull(): Promise<void> {
    for (;;) {
      const rotation = await readRotation()
      const pulledNs = now() + pulledRotationNs
      if (rotation === undefined || decodeNumber(rotation) <= pulledNs) return
      const isWritten = await store.write({
        expect: [{ key: keys.rotation, value: rotation }],
        put: [{ key: keys.rotation, value: encodeNumber(pulledNs) }],
      })
      if (isWritten !== undefined) return
    }
  }

  async function deleteOld(): Promise<void> {
    const old = (await readAll()).filter(
      ({ row }) => row.deleteAtNs !== 0n && row.deleteAtNs <= now(),
    )
    if (old.length > 0) await store.write({ remove: old.map(({ key }) => key) })
    for (const { key } of old) read.delete(key)
  }

  async function readyOf({ key, row }: Kept): Promise<Ready> {
    const known = read.get(key)
    if (known !== undefined) return known
    const { keyPackage } = await readKeyPackage(row.keyPackage, undefined)
    const { initPrivateKey, leafPrivateKey, wrapperPublicKey, wrapperSeed } = row
    const init: WelcomeKey = { algorithm: 'x25519', privateKey: initPrivateKey }
    const wrapper: WelcomeKey = { algorithm: 'xWing', privateKey: wrapperSeed }
    const ready: Ready = {
      own: { keyPackage, initPrivateKey, leafPrivateKey },
      found: [
        [bytesToHex(keyPackage.initKey), init],
        ...(wrapperSeed.length > 0 ? [[bytesToHex(wrapperPublicKey), wrapper] as const] : []),
      ],
    }
    read.set(key, ready)
    return ready
  }

  return {
    async prepare() {
      for (;;) {
        const rotation = await readRotation()
        const newest = (await readAll())
          .filter(({ row }) => row.deleteAtNs === 0n)
          .toSorted((a, b) => Number(b.row.uploadedAtNs - a.row.uploadedAtNs))[0]
        if (newest !== undefined && newest.row.uploadedAtNs + keyPackageKeptNs > now())
          return newest.row.keyPackage
        const claimed = await claim(rotation, now() + keyPackageRotationNs)
        if (claimed !== undefined) return claimed.bytes
      }
    },
    async rotateIfDue() {
      const rotation = await readRotation()
      if (decodeNumber(rotation) <= now()) await rotateFrom(rotation)
      await deleteOld()
    },
    rotate: async () => rotateFrom(await readRotation()),
    async pullRotation() {
      // Whoever sends welcomes without end shall not make this client keep keys without end.
      const { from, to } = underPrefix(keys.keyPackages)
      const limit = maxKeptKeyPackages
      const kept = await store.scan({ from, to, order: 'ascending', limit })
      if (kept.length < limit) await pull()
    },
    nextRotationNs: async () => decodeNumber(await readRotation()),
    async load() {
      const ready = await Promise.all((await readAll()).map(readyOf))
      const found = new Map(ready.flatMap((each) => each.found))
      return {
        own: ready.map(({ own }) => own),
        findKey: (publicKey) => found.get(bytesToHex(publicKey)),
      }
    },
  }
}
