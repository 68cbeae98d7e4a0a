import { randomBytes } from 'node:crypto'
import { XmtpError } from '@xmtp-ts/protocol'
import type { Database } from './sqlite-driver.ts'

/**
 * The steps from an empty file to the schema of today, never changed once released; `user_version` counts the
 * steps taken. Topics have numbers: half the index, twice the insert rate. Their names are bytes, since a topic may
 * hold U+0000, where SQLite's texts end. `position` orders queries (see
 * position.ts) and makes appending idempotent. An index on the topic alone also orders by sequence, since SQLite
 * puts the row id behind every key.
 */
const migrations: readonly ((database: Database) => void)[] = [
  (database) => {
    database.exec(`
      CREATE TABLE log (id BLOB NOT NULL, head INTEGER NOT NULL, probe INTEGER NOT NULL) STRICT;
      CREATE TABLE topic (id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE) STRICT;
      CREATE TABLE envelope (
        sequence INTEGER PRIMARY KEY,
        topic INTEGER NOT NULL,
        position BLOB NOT NULL,
        expiring_ms INTEGER,
        payload BLOB NOT NULL
      ) STRICT;
      CREATE UNIQUE INDEX envelope_position ON envelope (topic, position);
      CREATE INDEX envelope_topic ON envelope (topic);
      CREATE INDEX envelope_expiring ON envelope (expiring_ms) WHERE expiring_ms IS NOT NULL;
    `)
    database.prepare('INSERT INTO log (id, head, probe) VALUES (?, 0, 0)').run(randomBytes(8))
  },
  // V3. Its topics are in the same table; an index on the topic alone orders by sequence here too.
  (database) => {
    for (const table of ['group_message', 'welcome_message', 'commit_log_entry', 'identity_update'])
      database.exec(`
        CREATE TABLE ${table} (
          sequence INTEGER PRIMARY KEY AUTOINCREMENT,
          topic INTEGER NOT NULL,
          digest BLOB NOT NULL,
          created_us INTEGER NOT NULL,
          payload BLOB NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX ${table}_digest ON ${table} (topic, digest);
        CREATE INDEX ${table}_topic ON ${table} (topic);
      `)
    database.exec(`
      CREATE TABLE key_package (
        installation BLOB PRIMARY KEY,
        updated_ms INTEGER NOT NULL,
        payload BLOB NOT NULL
      ) STRICT;
      CREATE TABLE inbox (
        topic INTEGER PRIMARY KEY,
        sequence INTEGER NOT NULL,
        state BLOB NOT NULL
      ) STRICT;
      CREATE TABLE identifier (
        name TEXT NOT NULL,
        inbox_id TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        PRIMARY KEY (name, inbox_id)
      ) STRICT, WITHOUT ROWID;
    `)
  },
  // Retention of V3. Of older group messages nobody knows which are commits: they stay.
  (database) => {
    for (const table of ['group_message', 'welcome_message', 'commit_log_entry', 'identity_update'])
      database.exec(`
        ALTER TABLE ${table} ADD COLUMN expires INTEGER NOT NULL
          DEFAULT ${table === 'welcome_message' ? 1 : 0}
      `)
    database.exec(`
      ALTER TABLE key_package ADD COLUMN expires_ms INTEGER;
      CREATE INDEX key_package_expires ON key_package (expires_ms) WHERE expires_ms IS NOT NULL;
    `)
  },
  // The length of the log of each inbox, which is bounded.
  (database) => {
    database.exec(`
      ALTER TABLE inbox ADD COLUMN log_bytes INTEGER NOT NULL DEFAULT 0;
      UPDATE inbox SET log_bytes =
        (SELECT coalesce(sum(length(payload)), 0) FROM identity_update WHERE topic = inbox.topic);
    `)
  },
  // Key packages that others have replaced, which may not come back.
  (database) => {
    database.exec(`
      CREATE TABLE replaced_key_package (
        installation BLOB NOT NULL,
        digest BLOB NOT NULL,
        expires_ms INTEGER NOT NULL,
        PRIMARY KEY (installation, digest)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX replaced_key_package_expires ON replaced_key_package (expires_ms);
    `)
  },
]

/**
 * Brings a store to the schema of today, in one transaction.
 * @throws XmtpError `node.store.newer`
 */
export function migrate(database: Database): void {
  const version = readVersion(database)
  if (version > migrations.length)
    throw new XmtpError(
      'node.store.newer',
      `The store has version ${version}; this program knows versions up to ${migrations.length}.`,
    )
  // Takes the write lock even when there is nothing to do: a second process must be refused here, not later.
  database.exec('BEGIN IMMEDIATE')
  for (const step of migrations.slice(version)) step(database)
  database.exec(`PRAGMA user_version = ${migrations.length}`)
  database.exec('COMMIT')
}

function readVersion(database: Database): number {
  const row = database.prepare('PRAGMA user_version').get()
  if (typeof row !== 'object' || row === null || !('user_version' in row)) return 0
  return Number(row.user_version)
}
