import { attempt, limits, v3, XmtpError } from '@xmtp-ts/protocol'
import { maxInboxStateBytes } from '../../limits.ts'
import type { IdentityApi, IdentityLogEntry } from '../../network/identity-api.ts'

/** An inbox as it was after one update of its log. */
export type KnownInbox = {
  readonly inboxId: v3.InboxId
  /** Of the last update that `state` comes from. */
  readonly sequenceId: bigint
  readonly state: v3.AssociationState
}

/** What a node says of an inbox's log, behind what is known of it. */
export type LogPart = {
  readonly inboxId: v3.InboxId
  /** Undefined: the part begins the log. */
  readonly known: KnownInbox | undefined
  readonly entries: readonly IdentityLogEntry[]
}

/** An inbox after one more update, with its state as it is stored. */
export type LogStep = KnownInbox & { readonly encoded: Uint8Array }

/** How far a part holds. */
export type VerifiedPart = {
  /** The inbox after each update, in order, up to the first one that does not hold. */
  readonly steps: readonly LogStep[]
  /** Why the part ends there; undefined when all of it holds. */
  readonly error: XmtpError | undefined
}

type ContractApi = Pick<IdentityApi, 'verifySmartContractWalletSignatures'>

/**
 * Replays what a node says of some inboxes, each on its own: every signature is checked, and every update must be
 * allowed by what was there before. All questions to chains go in one call.
 * @returns for each part, in their order, what holds and `client.inbox.badLog` or `client.inbox.logChanged` for the
 * first update that does not; an error of the network when a chain could not be asked
 */
export async function verifyLogParts(
  parts: readonly LogPart[],
  api: ContractApi,
): Promise<readonly VerifiedPart[]> {
  const answer = await askAll(parts, api)
  return parts.map((part) => verifyPart(part, answer))
}

type Verdicts = (update: v3.IdentityUpdate) => v3.ContractVerdicts

function verifyPart(part: LogPart, verdictsOf: Verdicts): VerifiedPart {
  const { inboxId, known, entries } = part
  const steps: LogStep[] = []
  for (const [index, { sequenceId, update }] of entries.entries()) {
    const before = steps.at(-1) ?? known
    const next = attempt(() => {
      requirePlace(part, { sequenceId, update, before, index })
      const verified = v3.verifyIdentityUpdate(update, verdictsOf(update))
      return storable(v3.applyIdentityUpdate(before?.state, verified))
    })
    if (!next.ok) return { steps, error: logError(part, sequenceId, next.error) }
    steps.push({ inboxId, sequenceId, ...next.value })
  }
  return { steps, error: undefined }
}

/** Every state of an inbox is stored, so that one of thousands of members would fill the disk of whoever meets it. */
function storable(state: v3.AssociationState): Pick<LogStep, 'state' | 'encoded'> {
  const encoded = v3.encodeAssociationState(state)
  if (encoded.length > maxInboxStateBytes)
    throw new XmtpError('client.inbox.badLog', `Its state has ${encoded.length} bytes.`)
  return { state, encoded }
}

type Place = {
  readonly sequenceId: bigint
  readonly update: v3.IdentityUpdate
  readonly before: KnownInbox | undefined
  readonly index: number
}

/** What costs nothing to check comes before any signature. */
function requirePlace(part: LogPart, { sequenceId, update, before, index }: Place): void {
  const { inboxId, known, entries } = part
  const length = (known?.state.updateCount ?? 0) + entries.length
  if (length > limits.maxIdentityLogUpdates)
    throw new XmtpError('client.inbox.badLog', `It has ${length} updates.`)
  if (update.inboxId !== inboxId)
    throw new XmtpError(
      'client.inbox.badLog',
      `An update is of ${JSON.stringify(update.inboxId.slice(0, 80))}.`,
    )
  if (sequenceId > (before?.sequenceId ?? 0n)) return
  if (index === 0 && known !== undefined)
    throw new XmtpError(
      'client.inbox.logChanged',
      `What follows update ${known.sequenceId} of ${inboxId} is said to be update ${sequenceId}.`,
    )
  throw new XmtpError('client.inbox.badLog', 'Its updates are not in order.')
}

/** What may succeed later keeps its own code; everything else is the fault of this log. */
function logError({ inboxId }: LogPart, sequenceId: bigint, cause: XmtpError): XmtpError {
  if (cause.retry || cause.code === 'client.inbox.logChanged') return cause
  return new XmtpError(
    'client.inbox.badLog',
    `Update ${sequenceId} of ${inboxId} does not hold: ${cause.message}`,
    { cause },
  )
}

type Question = {
  readonly update: v3.IdentityUpdate
  readonly key: string
  readonly check: v3.ContractCheck
}

/** Asks about all contract signatures at once; most logs have none. A failure is told to those who ask. */
async function askAll(parts: readonly LogPart[], api: ContractApi): Promise<Verdicts> {
  const questions = parts
    .filter(({ entries }) => entries.length <= limits.maxIdentityLogUpdates)
    .flatMap(({ entries }) => entries)
    .flatMap(({ update }) =>
      Array.from(v3.contractChecks(update), ([key, check]): Question => ({ update, key, check })),
    )
  const answered = new Map<v3.IdentityUpdate, Map<string, v3.ContractVerdict>>()
  if (questions.length === 0) return () => new Map()
  const failure = await ask(questions, { api, answered })
  return (update) => {
    const verdicts = answered.get(update) ?? new Map<string, v3.ContractVerdict>()
    if (failure !== undefined && v3.contractChecks(update).size > 0) throw failure
    return verdicts
  }
}

async function ask(
  questions: readonly Question[],
  {
    api,
    answered,
  }: {
    readonly api: ContractApi
    readonly answered: Map<v3.IdentityUpdate, Map<string, v3.ContractVerdict>>
  },
): Promise<XmtpError | undefined> {
  try {
    const verdicts = await api.verifySmartContractWalletSignatures(
      questions.map(({ check }) => check),
    )
    for (const [index, { update, key }] of questions.entries()) {
      const verdict = verdicts[index]
      if (verdict === undefined)
        return new XmtpError('client.network.malformedAnswer', 'A verdict is missing.')
      const ofUpdate = answered.get(update) ?? new Map<string, v3.ContractVerdict>()
      answered.set(update, ofUpdate.set(key, verdict))
    }
    return undefined
  } catch (error) {
    if (error instanceof XmtpError) return error
    throw error
  }
}
