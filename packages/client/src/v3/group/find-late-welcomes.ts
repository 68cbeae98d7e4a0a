import { LateWelcome } from '@xmtp-ts/proto/store/v1/store'
import { XmtpError } from '@xmtp-ts/protocol'
import { lateWelcomeLookMs } from '../../limits.ts'
import type { StoredRecord } from '../../store/record-store.ts'
import { nowNs, type Core } from '../core.ts'
import { keys } from '../records/keys.ts'
import { decodeRow, encodeRow, scanAll } from '../records/rows.ts'
import { keepGroup } from './join.ts'
import { openLateGroup, placesOf } from './open-group.ts'
import { nextAttempt } from './late-welcomes.ts'
import { findPointed } from './open-welcome.ts'
import { refusalOf, refuseWelcome, welcomesTurn } from './welcomes.ts'

/** Looks for welcomes that came after their pointers, until the client is closed (v3-mls §4.2). */
export async function followLateWelcomes(core: Core): Promise<void> {
  const { environment, signal } = core
  while (!signal.aborted) {
    await findLateWelcomes(core).catch((error: unknown) => {
      core.report(error)
    })
    await environment.sleep(lateWelcomeLookMs, signal)
  }
}

/**
 * Joins by those that are there by now, and puts off the others; those that did not come in three days are given up.
 * @returns ids of the groups that we came into
 * @throws XmtpError `client.store.*`
 */
export function findLateWelcomes(core: Core): Promise<readonly string[]> {
  return core.groups.turn(welcomesTurn, async () => {
    const ids: string[] = []
    for (const record of await scanAll(core.store, keys.lateWelcomes)) {
      if (decodeRow(LateWelcome, record.value).nextAttemptNs > nowNs(core)) continue
      try {
        const id = await tryOne(core, record)
        if (id !== undefined) ids.push(id)
      } catch (error) {
        // Of the network or the store: that was no attempt.
        core.report(error)
      }
    }
    return ids
  })
}

async function tryOne(core: Core, { key, value }: StoredRecord): Promise<string | undefined> {
  const row = decodeRow(LateWelcome, value)
  const place = { id: idOf(key), createdNs: row.createdNs }
  const done = { expect: [{ key, value }], remove: [key] }
  try {
    const opened = await findPointed(core, row)
    if (opened === undefined) {
      await putOff(core, { key, value }, row)
      return undefined
    }
    const group = await openLateGroup(core, { opened, place })
    const id = await keepGroup(core, group, await core.inboxes.findStates(placesOf(group)))
    await core.store.write(done)
    return id
  } catch (error) {
    refuseWelcome(core, place.id, refusalOf(error))
    await core.store.write(done)
    return undefined
  }
}

async function putOff(core: Core, { key, value }: StoredRecord, row: LateWelcome): Promise<void> {
  const next = nextAttempt(row, nowNs(core))
  if (next === undefined)
    throw new XmtpError('client.welcome.pointeeMissing', 'What a welcome points to never came.')
  await core.store.write({
    expect: [{ key, value }],
    put: [{ key, value: encodeRow(LateWelcome, next) }],
  })
}

function idOf(key: string): bigint {
  return BigInt(`0x${key.slice(keys.lateWelcomes.length + 1)}`)
}
