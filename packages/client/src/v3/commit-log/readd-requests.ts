import { members } from '@xmtp-ts/mls'
import { Consent } from '@xmtp-ts/proto/store/v1/store'
import { bytesFromHex, bytesToHex, equalBytes, XmtpError } from '@xmtp-ts/protocol'
import { memberOfLeaf, type ReaddRequest } from '@xmtp-ts/protocol/group'
import { maxConflicts, maxGroupIdBytes } from '../../limits.ts'
import type { Core } from '../core.ts'
import { contended } from '../group/group-change.ts'
import { keys } from '../records/keys.ts'
import { decodeNumber, encodeNumber, getRow, scanAll } from '../records/rows.ts'

type Member = { readonly inboxId: string; readonly installationId: Uint8Array }

/**
 * Keeps what a oneshot welcome asks for: that its sender, no other installation, is taken out of a group and put back
 * (v3-mls §3.8). Only members of groups that the user allows may ask.
 * @throws XmtpError `client.readd.refused`
 */
export async function takeReaddRequest(
  core: Core,
  request: ReaddRequest | undefined,
  sender: Member,
): Promise<void> {
  if (request === undefined) throw refused('a oneshot group says nothing')
  const { groupId, latestCommitSequenceId } = request
  if (groupId.length === 0 || groupId.length > maxGroupIdBytes) throw refused('it names no group')
  const id = bytesToHex(groupId)
  const consent = await getRow(core.store, Consent, keys.consent('conversation', id))
  if (consent?.state !== allowed) throw refused(`${id} is no group that the user allows`)
  const group = await core.groups.turn(id, () => core.groups.load(id))
  const isMember =
    group !== undefined &&
    members(group.mls).some(({ leaf }) => {
      const { inboxId, installationId } = memberOfLeaf(leaf)
      return inboxId === sender.inboxId && equalBytes(installationId, sender.installationId)
    })
  if (!isMember) throw refused(`its sender is no member of ${id}`)
  // Nobody knows of commits that do not exist: one request is answered by one commit.
  const { cursor } = group.progress
  const at = latestCommitSequenceId < cursor ? latestCommitSequenceId : cursor
  await noteAsked(core, id, { installationId: sender.installationId, at })
}

const allowed = 2

/** Notes the newest commit that an installation knew of when it asked; an older one changes nothing. */
export async function noteAsked(
  { store }: Core,
  id: string,
  { installationId, at }: { readonly installationId: Uint8Array; readonly at: bigint },
): Promise<void> {
  const key = keys.readdAsked(id, bytesToHex(installationId))
  for (let tries = 0; tries < maxConflicts; tries += 1) {
    const [before] = await store.get([key])
    if (before !== undefined && decodeNumber(before) >= at) return
    const written = await store.write({
      expect: [{ key, value: before }],
      put: [{ key, value: encodeNumber(at) }],
    })
    if (written !== undefined) return
  }
  throw contended()
}

/** Whether an installation has asked and nobody has answered since. */
export async function isWaiting(
  { store }: Core,
  id: string,
  installationId: Uint8Array,
): Promise<boolean> {
  const installation = bytesToHex(installationId)
  const [asked, answered] = await store.get([
    keys.readdAsked(id, installation),
    keys.readdAnswered(id, installation),
  ])
  return (
    asked !== undefined && (answered === undefined || decodeNumber(asked) >= decodeNumber(answered))
  )
}

/** The groups in which installations of others wait, and which. */
export async function waitingReadds(
  core: Core,
): Promise<ReadonlyMap<string, readonly Uint8Array[]>> {
  const own = bytesToHex(core.self.installationId)
  const waiting = new Map<string, Uint8Array[]>()
  for (const { key } of await scanAll(core.store, keys.readdsAsked)) {
    const [, id = '', installation = ''] = key.split('/')
    const installationId = bytesFromHex(installation)
    if (installation === own || installationId === undefined) continue
    if (!(await isWaiting(core, id, installationId))) continue
    waiting.set(id, [...(waiting.get(id) ?? []), installationId])
  }
  return waiting
}

/** What somebody asked for is not to be done. */
export async function forgetReadds(
  { store }: Core,
  id: string,
  installationIds: readonly Uint8Array[],
): Promise<void> {
  const remove = installationIds.map((one) => keys.readdAsked(id, bytesToHex(one)))
  if (remove.length > 0) await store.write({ remove })
}

function refused(why: string): XmtpError {
  return new XmtpError('client.readd.refused', `A request to be let in again is refused: ${why}.`)
}
