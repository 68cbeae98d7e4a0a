import { Conversation, Progress } from '@xmtp-ts/proto/store/v1/store'
import { bytesToHex, XmtpError } from '@xmtp-ts/protocol'
import { createBackoff } from '../../stream/backoff.ts'
import { untilQuiet } from '../../stream/quiet.ts'
import type { GroupFilter } from '../../network/mls-api.ts'
import { maxLateGroups } from '../../limits.ts'
import type { Core } from '../core.ts'
import { isPaused } from '../group/pausing.ts'
import { rewindFalse } from '../group/rewind.ts'
import { rereadWelcomes, takeWelcomes, welcomeCursor } from '../group/welcomes.ts'
import { keys } from '../records/keys.ts'
import { decodeRow, scanAll } from '../records/rows.ts'
import { createInflow, type Inflow } from './inflow.ts'
import { createLink, type Link } from './link.ts'
import { sharedController } from '#platform'

/**
 * Keeps the store up to date from the node's streams while anybody is interested: welcomes, and the messages of all
 * conversations. A connection that breaks is opened again at the cursors of the store, so nothing is missed and
 * nothing comes twice.
 */
export type Feed = {
  /** Resolves when nothing can be missed any more. The feed runs until `signal` aborts. */
  readonly follow: (signal: AbortSignal) => Promise<void>
  /** Whether what is sent to any group comes back by itself. */
  readonly isLive: () => boolean
  readonly link: Pick<Link, 'isDown' | 'listen'>
}

export function createFeed(core: Core): Feed {
  const link = createLink()
  let followers = 0
  let running: { readonly open: Promise<void>; readonly stop: () => void } | undefined
  return {
    isLive: () => running !== undefined && !link.isDown(),
    link,
    async follow(signal) {
      followers += 1
      signal.addEventListener('abort', () => {
        followers -= 1
        if (followers > 0) return
        running?.stop()
        running = undefined
      })
      running ??= start(core, link)
      await running.open
    },
  }
}

function start(
  core: Core,
  link: Link,
): { readonly open: Promise<void>; readonly stop: () => void } {
  const controller = sharedController()
  const stop = () => controller.abort()
  core.signal.addEventListener('abort', stop)
  const { signal } = controller
  const inflow = createInflow(core, signal)
  const part = { core, inflow, link }
  const open = Promise.all([followWelcomes(part, signal), followGroups(part, signal)])
  return { open: open.then(() => undefined), stop }
}

/** What a connection works with. */
type Part = { readonly core: Core; readonly inflow: Inflow; readonly link: Link }

/** What one connection has: its end, and whom to tell that it stands and that something came. */
type Connection = {
  readonly signal: AbortSignal
  readonly end: () => void
  readonly connected: () => void
  readonly delivered: () => void
}

/** One connection that is opened again whenever it ends. Resolves when it stands for the first time. */
function lasting(
  { core, link }: Part,
  signal: AbortSignal,
  connect: (connection: Connection) => Promise<void>,
): Promise<void> {
  const backoff = createBackoff(core.environment)
  return new Promise((resolve) => {
    const name = {}
    const connected = () => {
      backoff.connected()
      link.up(name)
      resolve()
    }
    const run = async () => {
      while (!signal.aborted) {
        link.trying(name)
        await within(signal, (own, end) =>
          connect({ signal: own, end, connected, delivered: backoff.delivered }),
        ).catch((error: unknown) => {
          // Whatever ended it: the next one begins where the store is. What is no matter of the moment is told.
          if (!signal.aborted && !isOfTheMoment(error)) core.report(error)
        })
        if (signal.aborted) break
        link.down(name)
        await core.environment.sleep(backoff.nextWaitMs(), signal)
      }
      link.up(name)
      resolve()
    }
    void run()
  })
}

/** Runs a step with a signal of its own, which aborts with its parent, by `end`, and when the step is over. */
async function within(
  parent: AbortSignal,
  step: (signal: AbortSignal, end: () => void) => Promise<void>,
): Promise<void> {
  const controller = sharedController()
  const end = () => controller.abort()
  parent.addEventListener('abort', end)
  if (parent.aborted) end()
  try {
    await step(controller.signal, end)
  } finally {
    parent.removeEventListener('abort', end)
    end()
  }
}

function isOfTheMoment(error: unknown): boolean {
  return error instanceof XmtpError && (error.retry || error.code === 'client.closed')
}

function followWelcomes(part: Part, signal: AbortSignal): Promise<void> {
  const { core } = part
  const installationKey = core.self.installationId
  return lasting(part, signal, async ({ signal, end, connected, delivered }) => {
    const filter = { installationKey, afterId: await welcomeCursor(core) }
    const welcomes = await core.mls.subscribeWelcomeMessages([filter], signal)
    connected()
    void rereadWelcomes(core).catch((error: unknown) => {
      if (!isOfTheMoment(error)) core.report(error)
    })
    for await (const welcome of untilQuiet(welcomes, end)) {
      delivered()
      await takeWelcomes(core, [welcome])
    }
  })
}

/**
 * All conversations on one connection; those that come later on another, so that a new one costs a small request. When
 * there are many late ones, all go on one again.
 */
async function followGroups(part: Part, signal: AbortSignal): Promise<void> {
  const first = await followAll(part, signal)
  const run = async () => {
    let round = first
    while (!signal.aborted) {
      await followLate(part, { signal, round })
      round.stop()
      if (!signal.aborted) round = await followAll(part, signal)
    }
  }
  void run()
}

/** A group that we are in, by one membership: who comes back follows it anew, from where the new welcome says. */
type Followed = { readonly filter: GroupFilter; readonly welcomeId: bigint }

/** The names of memberships that are followed together. */
type Round = { readonly names: ReadonlySet<string>; readonly stop: () => void }

async function followAll(part: Part, signal: AbortSignal): Promise<Round> {
  const names = new Set((await followable(part.core)).keys())
  return { names, stop: await followSome(part, { signal, names }) }
}

async function followLate(
  part: Part,
  { signal, round }: { readonly signal: AbortSignal; readonly round: Round },
): Promise<void> {
  const { core } = part
  let stopLate = () => {}
  let followed: ReadonlySet<string> = new Set()
  for (;;) {
    const seen = core.signals.count('groupsToFollow')
    const names = [...(await followable(core)).keys()]
    const late = new Set(names.filter((name) => !round.names.has(name)))
    if (late.size !== followed.size || ![...late].every((name) => followed.has(name))) {
      stopLate()
      if (late.size > maxLateGroups) return
      stopLate = await followSome(part, { signal, names: late })
      followed = late
    }
    await core.signals.wait('groupsToFollow', seen, signal)
    if (signal.aborted) break
  }
  stopLate()
}

/** Follows these groups until it is told to stop; resolves when they are followed. */
async function followSome(
  part: Part,
  { signal, names }: { readonly signal: AbortSignal; readonly names: ReadonlySet<string> },
): Promise<() => void> {
  if (names.size === 0) return () => {}
  const { core, inflow } = part
  const controller = sharedController()
  const stop = () => controller.abort()
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  await lasting(part, controller.signal, async ({ signal, end, connected, delivered }) => {
    const groups = [...(await followable(core))].filter(([name]) => names.has(name))
    const welcomeIds = new Map(
      groups.map(([, { filter, welcomeId }]) => [bytesToHex(filter.groupId), welcomeId]),
    )
    const filters = groups.map(([, { filter }]) => filter)
    const messages = await core.mls.subscribeGroupMessages(filters, signal)
    connected()
    void findDoubted(part, filters)
    for await (const message of untilQuiet(messages, end)) {
      delivered()
      await inflow.take(message, welcomeIds.get(bytesToHex(message.groupId)))
    }
  })
  return () => {
    signal.removeEventListener('abort', stop)
    stop()
  }
}

/** What the node cannot have brought because of a false place, or did not bring when it should have, is looked at again. */
async function findDoubted({ core, inflow }: Part, filters: readonly GroupFilter[]): Promise<void> {
  try {
    await rewindFalse(core, filters)
  } catch (error) {
    if (!isOfTheMoment(error)) core.report(error)
  }
  for (const { groupId } of filters) inflow.look(bytesToHex(groupId))
}

async function followable(core: Core): Promise<ReadonlyMap<string, Followed>> {
  const { store } = core
  const [conversations, progress] = await Promise.all([
    scanAll(store, keys.conversations),
    scanAll(store, keys.allProgress),
  ])
  const cursors = new Map(progress.map(({ key, value }) => [key, value]))
  const found = new Map<string, Followed>()
  for (const { value } of conversations) {
    const row = decodeRow(Conversation, value)
    if (!row.active || isPaused(core, row)) continue
    const { groupId, welcomeId } = row
    const id = bytesToHex(groupId)
    const bytes = cursors.get(keys.progress(id))
    const afterId = bytes === undefined ? 0n : decodeRow(Progress, bytes).cursor
    found.set(`${id} by ${welcomeId}`, { filter: { groupId, afterId }, welcomeId })
  }
  return found
}
