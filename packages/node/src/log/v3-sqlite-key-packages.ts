import { createHash } from 'node:crypto'
import { rowOf } from './sqlite-driver.ts'
import type { SqliteStore } from './sqlite-store.ts'
import type { KeyPackageStore } from './v3-store.ts'

type Row = { readonly payload: Uint8Array; readonly expiresMs: number | null }

/** The key packages in an open store. */
export function keyPackagesIn(store: SqliteStore): KeyPackageStore {
  const { database } = store
  const put =
    database.prepare(`INSERT INTO key_package (installation, updated_ms, payload, expires_ms)
    VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (installation) DO UPDATE SET updated_ms = ?2, payload = ?3, expires_ms = ?4`)
  const get = database.prepare(
    'SELECT payload, expires_ms AS expiresMs FROM key_package WHERE installation = ?',
  )
  const prune = database.prepare(`DELETE FROM key_package WHERE installation IN (
    SELECT installation FROM key_package WHERE expires_ms < ? LIMIT ?)`)
  const remember =
    database.prepare(`INSERT INTO replaced_key_package (installation, digest, expires_ms)
    VALUES (?, ?, ?) ON CONFLICT (installation, digest) DO NOTHING`)
  const isReplaced = database.prepare(
    'SELECT 1 FROM replaced_key_package WHERE installation = ? AND digest = ?',
  )
  const forget =
    database.prepare(`DELETE FROM replaced_key_package WHERE (installation, digest) IN (
    SELECT installation, digest FROM replaced_key_package WHERE expires_ms < ? LIMIT ?)`)
  const find = (installationKey: Uint8Array): Row | undefined => {
    const row = get.get(installationKey)
    return row === undefined ? undefined : rowOf<Row>(row)
  }
  return {
    async put(installationKey, keyPackage, { nowMs, expiresMs }) {
      const digest = digestOf(keyPackage)
      await store.write({
        step: () => {
          if (isReplaced.get(installationKey, digest) !== undefined) return
          const before = find(installationKey)
          const replaced = before && digestOf(before.payload)
          if (replaced !== undefined && !replaced.equals(digest))
            remember.run(installationKey, replaced, before?.expiresMs ?? expiresMs)
          put.run(installationKey, nowMs, keyPackage, expiresMs)
        },
      })
    },
    prune: (beforeMs, limit) =>
      store.read(() =>
        store.transaction(() => {
          const forgotten = Number(forget.run(beforeMs, limit).changes)
          const removed = Number(prune.run(beforeMs, limit).changes)
          return { removed, isLast: removed < limit && forgotten < limit }
        }),
      ),
    get: (installationKeys) => store.read(() => installationKeys.map((key) => find(key)?.payload)),
  }
}

function digestOf(keyPackage: Uint8Array): Buffer {
  return createHash('sha256').update(keyPackage).digest()
}
