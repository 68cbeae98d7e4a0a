import { MlsError } from '@xmtp-ts/mls'
import { XmtpError, type v3 } from '@xmtp-ts/protocol'
import type { WelcomePointer } from '@xmtp-ts/protocol/group'
import type { WelcomeMessage } from '../../network/mls-api.ts'
import type { Core } from '../core.ts'
import type { WelcomeKeys } from '../identity/key-packages.ts'
import { keys } from '../records/keys.ts'
import { decodeNumber, encodeNumber } from '../records/rows.ts'
import type { StoredRecord } from '../../store/record-store.ts'
import {
  doubtRecord,
  hasDoubtedWelcomes,
  rewindWelcomes,
  spendReread,
  welcomePlaces,
} from './doubted-welcomes.ts'
import { lateRecords } from './late-welcomes.ts'
import { keepGroup } from './join.ts'
import { openGroup, placesOf, type OpenedGroup } from './open-group.ts'

/**
 * Reads the welcomes that are new from the network and joins their groups.
 * @returns ids of the groups that we came into
 * @throws XmtpError what may go well later; nothing is passed over then
 */
export function receiveWelcomes(core: Core): Promise<readonly string[]> {
  return core.groups.turn(welcomesTurn, async () => {
    const ids: string[] = []
    const { installationId } = core.self
    const { from, isAgain } = await welcomePlaces(core)
    for await (const page of core.mls.queryWelcomeMessages(installationId, from))
      ids.push(...(await takeInTurn(core, page, isAgain ? 'all' : 'new')))
    if (isAgain) await spendReread(core)
    return ids
  })
}

/**
 * Reads again what of the welcomes is doubted, or all if their log ends before the place to which it was read: a node
 * gave a false place, or lost what came behind.
 * @throws XmtpError what the network or the store throws
 */
export async function rereadWelcomes(core: Core): Promise<void> {
  const cursor = await welcomeCursor(core)
  const end = cursor === 0n ? undefined : await core.mls.newestWelcome(core.self.installationId)
  if (end !== undefined && end < cursor)
    await core.groups.turn(welcomesTurn, () => rewindWelcomes(core, end))
  if (await hasDoubtedWelcomes(core)) await receiveWelcomes(core)
}

/** Takes welcomes that a stream brought. */
export function takeWelcomes(
  core: Core,
  welcomes: readonly WelcomeMessage[],
): Promise<readonly string[]> {
  return core.groups.turn(welcomesTurn, () => takeInTurn(core, welcomes, 'new'))
}

export async function welcomeCursor({ store }: Pick<Core, 'store'>): Promise<bigint> {
  const [bytes] = await store.get([keys.welcomeCursor])
  return decodeNumber(bytes)
}

/** Welcomes are taken one after the other, whoever brings them. */
export const welcomesTurn = 'welcomes'

type Opening = {
  readonly message: WelcomeMessage
  readonly opened: OpenedGroup | WelcomePointer | XmtpError
}

/** @param wanted `all`: those at or before the cursor, too, of which some were not taken; that is not told again */
async function takeInTurn(
  core: Core,
  welcomes: readonly WelcomeMessage[],
  wanted: 'new' | 'all',
): Promise<readonly string[]> {
  const cursor = await welcomeCursor(core)
  const isNew = ({ value }: WelcomeMessage) => value.id > cursor
  const chosen = wanted === 'all' ? welcomes : welcomes.filter(isNew)
  if (chosen.length === 0) return []
  const welcomeKeys = await core.keyPackages.load()
  // Side by side: who waits for the welcome that it points to holds up no other.
  const openings: readonly Opening[] = await Promise.all(
    chosen.map(async (message) => ({
      message,
      opened: await openOrRefuse(core, welcomeKeys, message),
    })),
  )
  const statesFor = await statesOf(core, openings)
  const kept = await Promise.all(
    openings.map(({ opened }) => keepOrRefuse(core, opened, statesFor)),
  )
  for (const [index, { message, opened }] of openings.entries()) {
    const { id } = message.value
    const outcome = kept[index]
    const put: StoredRecord[] = []
    if (isNew(message) && 'destination' in opened)
      put.push(...(await lateRecords(core, opened, message.value)))
    if (isNew(message) && outcome instanceof XmtpError) refuseWelcome(core, id, outcome)
    if (outcome instanceof XmtpError && isDoubtful(outcome) && (isNew(message) || outcome.retry))
      put.push(await doubtRecord(core, id))
    if (put.length > 0) await core.store.write({ put })
  }
  await passWelcomes(core, chosen.filter(isNew))
  return kept.filter((id) => typeof id === 'string')
}

/** They are done with. A welcome that is taken twice, since this was not reached, is known the second time. */
async function passWelcomes(core: Core, welcomes: readonly WelcomeMessage[]): Promise<void> {
  const last = welcomes.at(-1)
  if (last === undefined) return
  const value = encodeNumber(last.value.id)
  await core.store.write({ put: [{ key: keys.welcomeCursor, value }] })
  // A key package that was used is replaced soon, whether its welcome was good or not (v3-mls §2).
  await core.keyPackages.pullRotation()
}

type States = ReadonlyMap<string, v3.AssociationState>

/** Of all members at once; if that fails, of each group by itself, so that one which cannot be had holds up no other. */
async function statesOf(
  core: Core,
  openings: readonly Opening[],
): Promise<(opened: OpenedGroup) => Promise<States>> {
  const places = openings.flatMap(({ opened }) => ('joined' in opened ? placesOf(opened) : []))
  try {
    const states = await core.inboxes.findStates(places)
    return () => Promise.resolve(states)
  } catch (error) {
    if (!(error instanceof XmtpError && error.retry)) throw error
    return (opened) => core.inboxes.findStates(placesOf(opened))
  }
}

async function openOrRefuse(
  core: Core,
  welcomeKeys: WelcomeKeys,
  message: WelcomeMessage,
): Promise<Opening['opened']> {
  try {
    return await openGroup(core, welcomeKeys, message)
  } catch (error) {
    return reasonOf(error)
  }
}

/** @returns the group that we came into, or why we did not; undefined when there is nothing new */
async function keepOrRefuse(
  core: Core,
  opened: Opening['opened'],
  statesOf: (opened: OpenedGroup) => Promise<States>,
): Promise<string | XmtpError | undefined> {
  if (opened instanceof XmtpError) return opened
  if (!('joined' in opened)) return undefined
  try {
    return await keepGroup(core, opened, await statesOf(opened))
  } catch (error) {
    return reasonOf(error)
  }
}

/** What was no welcome to its group when it came does not become one when we are removed later, nor a request a welcome. */
function isDoubtful({ code }: XmtpError): boolean {
  return code !== 'client.welcome.takeover' && code !== 'client.readd.refused'
}

/** Why a welcome was not taken, with `retry` if it may be later: the next ones do not wait for it. */
function reasonOf(error: unknown): XmtpError {
  const isOfTheStore = error instanceof XmtpError && error.code.startsWith('client.store.')
  return error instanceof XmtpError && error.retry && !isOfTheStore ? error : refusalOf(error)
}

export function refuseWelcome(core: Core, sequenceId: bigint, error: XmtpError): void {
  core.onRefused({ conversationId: undefined, sequenceId, error })
}

/** What is final about a welcome; everything else is thrown, so that it is tried again. */
export function refusalOf(error: unknown): XmtpError {
  if (error instanceof MlsError)
    return new XmtpError('client.welcome.refused', `MLS: ${error.message}`, {
      cause: error,
      details: { mlsCode: error.code },
    })
  if (error instanceof XmtpError && !error.retry && !error.code.startsWith('client.store.'))
    return error
  throw error
}
