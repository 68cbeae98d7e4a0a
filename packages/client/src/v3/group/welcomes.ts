import { MlsError } from '@xmtp-ts/mls'
import { XmtpError, type v3 } from '@xmtp-ts/protocol'
import type { WelcomePointer } from '@xmtp-ts/protocol/group'
import type { WelcomeMessage } from '../../network/mls-api.ts'
import type { Core } from '../core.ts'
import { keys } from '../records/keys.ts'
import { decodeNumber, encodeNumber } from '../records/rows.ts'
import { lateRecords } from './late-welcomes.ts'
import { keepGroup, openGroup, placesOf, type OpenedGroup } from './join.ts'

/**
 * Reads the welcomes that are new from the network and joins their groups.
 * @returns ids of the groups that we came into
 * @throws XmtpError what may go well later; nothing is passed over then
 */
export function receiveWelcomes(core: Core): Promise<readonly string[]> {
  return core.groups.turn(welcomesTurn, async () => {
    const ids: string[] = []
    const { installationId } = core.self
    const cursor = await welcomeCursor(core)
    for await (const page of core.mls.queryWelcomeMessages(installationId, cursor))
      ids.push(...(await takeInTurn(core, page)))
    return ids
  })
}

/** Takes welcomes that a stream brought. */
export function takeWelcomes(
  core: Core,
  welcomes: readonly WelcomeMessage[],
): Promise<readonly string[]> {
  return core.groups.turn(welcomesTurn, () => takeInTurn(core, welcomes))
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

async function takeInTurn(
  core: Core,
  welcomes: readonly WelcomeMessage[],
): Promise<readonly string[]> {
  const cursor = await welcomeCursor(core)
  const fresh = welcomes.filter(({ value }) => value.id > cursor)
  // Side by side: who waits for the welcome that it points to holds up no other.
  const openings: readonly Opening[] = await Promise.all(
    fresh.map(async (message) => ({ message, opened: await openOrRefuse(core, message) })),
  )
  const places = openings.flatMap(({ opened }) => ('joined' in opened ? placesOf(opened) : []))
  const states = await core.inboxes.findStates(places)
  const ids: string[] = []
  for (const opening of openings) {
    const { message, opened } = opening
    const id = await keepOrRefuse(core, opening, states)
    if (id !== undefined) ids.push(id)
    const cursor = { key: keys.welcomeCursor, value: encodeNumber(message.value.id) }
    const late = 'destination' in opened ? await lateRecords(core, opened, message.value) : []
    await core.store.write({ put: [cursor, ...late] })
  }
  // A key package that was used is replaced soon, whether its welcome was good or not (v3-mls §2).
  if (fresh.length > 0) await core.keyPackages.pullRotation()
  return ids
}

async function openOrRefuse(core: Core, message: WelcomeMessage): Promise<Opening['opened']> {
  try {
    return await openGroup(core, message)
  } catch (error) {
    return refusalOf(error)
  }
}

async function keepOrRefuse(
  core: Core,
  { message, opened }: Opening,
  states: ReadonlyMap<string, v3.AssociationState>,
): Promise<string | undefined> {
  try {
    if (opened instanceof XmtpError) throw opened
    return 'joined' in opened ? await keepGroup(core, opened, states) : undefined
  } catch (error) {
    refuseWelcome(core, message.value.id, refusalOf(error))
    return undefined
  }
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
