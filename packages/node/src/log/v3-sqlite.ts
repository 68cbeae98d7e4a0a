import type { EnvelopeLog } from './log.ts'
import { rowOf } from './sqlite-driver.ts'
import { openFile, type SqliteLogOptions } from './sqlite-file.ts'
import { SqliteStore } from './sqlite-store.ts'
import { openLogIn } from './sqlite.ts'
import { keyPackagesIn } from './v3-sqlite-key-packages.ts'
import { SqliteV3Log } from './v3-sqlite-log.ts'
import type { IdentityAppend, IdentityStore, StoredState, V3Store } from './v3-store.ts'

/** Everything that a node stores. Each part is closed by itself. */
export type NodeStore = { readonly log: EnvelopeLog; readonly v3: V3Store }

/**
 * Opens both logs in one SQLite file, made with its folder when missing. One process at a time.
 * @throws XmtpError `node.store.unusable`, `node.store.damaged`, `node.store.newer`, `node.store.locked`
 */
export async function openSqliteStore(
  path: string,
  options: SqliteLogOptions = {},
): Promise<NodeStore> {
  return openFile(path, options, (database) => {
    const store = new SqliteStore(database)
    return { log: openLogIn(store), v3: openV3In(store) }
  })
}

function openV3In(store: SqliteStore): V3Store {
  store.open()
  const identityLog = new SqliteV3Log(store, 'identity_update')
  let isClosed = false
  return {
    groupMessages: new SqliteV3Log(store, 'group_message'),
    welcomes: new SqliteV3Log(store, 'welcome_message'),
    commitLog: new SqliteV3Log(store, 'commit_log_entry'),
    keyPackages: keyPackagesIn(store),
    identity: identityIn(store, identityLog),
    async [Symbol.asyncDispose]() {
      if (isClosed) return
      isClosed = true
      store.close()
    },
  }
}

function identityIn(store: SqliteStore, log: SqliteV3Log): IdentityStore {
  const { database } = store
  const selectState = database.prepare(
    'SELECT sequence, state, log_bytes AS logBytes FROM inbox WHERE topic = ?',
  )
  const putState = database.prepare(`INSERT INTO inbox (topic, sequence, state, log_bytes)
    SELECT ?1, ?2, ?3, length(payload) FROM identity_update WHERE sequence = ?2
    ON CONFLICT (topic) DO UPDATE SET sequence = ?2, state = ?3, log_bytes = log_bytes + excluded.log_bytes`)
  const addIdentifier =
    database.prepare(`INSERT INTO identifier (name, inbox_id, sequence) VALUES (?1, ?2, ?3)
    ON CONFLICT (name, inbox_id) DO UPDATE SET sequence = ?3`)
  const removeIdentifier = database.prepare(
    'DELETE FROM identifier WHERE name = ? AND inbox_id = ?',
  )
  const inboxOf = database.prepare(
    'SELECT inbox_id AS inboxId FROM identifier WHERE name = ? ORDER BY sequence DESC LIMIT 1',
  )
  const stateOf = (topic: string): StoredState | undefined => {
    const id = store.topics.find(topic)
    const row = id === undefined ? undefined : selectState.get(id)
    return row === undefined ? undefined : rowOf<StoredState>(row)
  }
  const index = ({ item, state, added, removed, inboxId }: IdentityAppend, sequence: number) => {
    putState.run(store.topics.findOrAdd(item.topic), sequence, state)
    for (const name of removed) removeIdentifier.run(name, inboxId)
    for (const name of added) addIdentifier.run(name, inboxId, sequence)
  }
  return {
    log,
    has: (topic, digest) => log.has(topic, digest),
    stateOf: (topic) => store.read(() => stateOf(topic)),
    append: (update, nowMs) =>
      log.write(() => {
        // In the transaction, so that of two updates that were checked against the same state one is refused.
        if ((stateOf(update.item.topic)?.sequence ?? 0) !== update.after) return undefined
        const { sequence, isNew } = log.insert(update.item, nowMs)
        if (!isNew) return undefined
        index(update, sequence)
        return sequence
      }),
    inboxesOf: (identifiers) =>
      store.read(() =>
        identifiers.map((name) => {
          const row = inboxOf.get(name)
          return row === undefined ? undefined : rowOf<{ inboxId: string }>(row).inboxId
        }),
      ),
  }
}
