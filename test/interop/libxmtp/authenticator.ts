import { epochAuthenticator } from '@xmtp-ts/mls'
import { bytesToHex } from '@xmtp-ts/protocol'
import { openSqliteRecords } from '../../../packages/client/src/store/sqlite-records.ts'
import { loadInstallation } from '../../../packages/client/src/v3/identity/installation.ts'
import { readGroupSteadily } from '../../../packages/client/src/v3/group/loaded-group.ts'

/**
 * The first three bytes of a group's epoch authenticator, hex: libxmtp shows no more of it. Read from a client's store, beside
 * the client: an app has no use for it.
 * @param dbPath a store without a key
 */
export async function authenticatorIn(dbPath: string, groupId: string): Promise<string> {
  await using store = await openSqliteRecords(dbPath)
  const installation = await loadInstallation(store)
  const group = installation && (await readGroupSteadily(store, installation, groupId))
  return group === undefined ? '' : bytesToHex(epochAuthenticator(group.mls)).slice(0, 6)
}
