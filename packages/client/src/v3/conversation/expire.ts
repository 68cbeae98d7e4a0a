import { Message } from '@xmtp-ts/proto/store/v1/store'
import { bytesToHex } from '@xmtp-ts/protocol'
import { expiredPage, maxConflicts } from '../../limits.ts'
import { nsToMs } from '../../environment.ts'
import { underPrefix } from '../../store/record-store.ts'
import { nowNs, type Core } from '../core.ts'
import { contended, openChange, removeRecord, writeChange } from '../group/group-change.ts'
import { loadKnown } from '../group/known.ts'
import { findMessages } from '../message/stored.ts'
import { keys } from '../records/keys.ts'
import { encodeRow } from '../records/rows.ts'
import { waitAtMost } from '../signals.ts'

/** A message and when its time is over. */
type Expiry = { readonly key: string; readonly atNs: bigint; readonly messageId: string }

/** Longest wait between two looks: other processes add messages too, and timers hold 24 days at the most. */
const lookMs = 60_000

/** Deletes messages whose time is over, until the client is closed (v3-mls §6.5). */
export async function deleteExpired(core: Core): Promise<void> {
  const { signals, signal, environment } = core
  while (!signal.aborted) {
    const seen = signals.count('delivered')
    const next = await deleteDue(core).catch((error: unknown) => {
      core.report(error)
      return undefined
    })
    if (signal.aborted) return
    const nowMs = environment.nowMs()
    const waitMs = next === undefined ? lookMs : Math.max(nsToMs(next) - nowMs + 1, 1)
    await waitAtMost(core, 'delivered', { seen, maxMs: Math.min(waitMs, lookMs), signal })
  }
}

/** @returns when the next one is due */
async function deleteDue(core: Core): Promise<bigint | undefined> {
  for (;;) {
    const page = await firstExpiries(core)
    const due = page.filter(({ atNs }) => atNs <= nowNs(core))
    if (due.length === 0) return page[0]?.atNs
    const rows = await findMessages(
      core.store,
      due.map(({ messageId }) => messageId),
    )
    const known = due.filter(({ messageId }) => rows.has(messageId))
    const groupIds = new Set(known.map(({ messageId }) => groupOf(rows.get(messageId))))
    for (const groupId of groupIds) {
      const own = known.filter(({ messageId }) => groupOf(rows.get(messageId)) === groupId)
      await core.groups.turn(groupId, () => deleteInTurn(core, groupId, own))
    }
    const unknown = due.filter(({ messageId }) => !rows.has(messageId))
    if (unknown.length > 0) await core.store.write({ remove: unknown.map(({ key }) => key) })
  }
}

async function deleteInTurn(
  core: Core,
  groupId: string,
  expiries: readonly Expiry[],
): Promise<void> {
  for (let tries = 0; tries < maxConflicts; tries += 1) {
    const change = openChange(await loadKnown(core, groupId))
    const rows = await findMessages(
      core.store,
      expiries.map(({ messageId }) => messageId),
    )
    for (const { key, messageId } of expiries) {
      removeRecord(change, key)
      const row = rows.get(messageId)
      if (row === undefined) continue
      removeRecord(change, keys.message(groupId, row.sentAtNs, messageId))
      removeRecord(change, keys.messageKey(messageId))
      if (row.referenceId !== '')
        removeRecord(change, keys.reference(groupId, row.referenceId, messageId))
      const value = encodeRow(Message, { ...row, content: new Uint8Array() })
      change.append.push({ prefix: keys.deleted, value })
    }
    change.signals.add('deleted')
    if ((await writeChange(core, change)) !== undefined) return
  }
  throw contended()
}

async function firstExpiries({ store }: Core): Promise<readonly Expiry[]> {
  const range = underPrefix(keys.expiries)
  const found = await store.scan({ ...range, order: 'ascending', limit: expiredPage })
  return found.map(({ key }) => {
    const [, time = '#0', messageId = ''] = key.split('/')
    return { key, atNs: BigInt(`0x${time.slice(1)}`), messageId }
  })
}

function groupOf(row: Message | undefined): string {
  return row === undefined ? '' : bytesToHex(row.groupId)
}
