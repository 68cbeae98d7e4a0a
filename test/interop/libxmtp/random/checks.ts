import type { Peer, Said, View } from './peer.ts'

/** Somebody's client and what it shows at the end. */
export type Seen = { readonly peer: Peer; readonly view: View }

/**
 * Whether a client of libxmtp has lost its place by itself: a commit or a message of its own that comes back when it is out
 * of the group moves its cursor (mls_sync.rs, `process_message_inner`), and when it is taken in again it does not read what
 * came between that and its new beginning. It may then take its own next commit for the first of an epoch that is long over.
 * @param founder whose log of commits is whole
 */
export function hasLostPlace(view: View, founder: View): boolean {
  return isLostBehind(view, founder, arrivals(view).at(-1))
}

/** The same at any time: somebody may have taken it out and in again since. */
export function hasEverLostPlace(view: View, founder: View): boolean {
  return arrivals(view).some((arrival) => isLostBehind(view, founder, arrival))
}

function arrivals({ commits }: View): readonly number[] {
  return commits.flatMap(({ type }, index) => (type === 'Welcome' ? [index] : []))
}

function isLostBehind({ commits }: View, founder: View, arrival: number | undefined): boolean {
  if (arrival === undefined) return false
  const { epoch } = commits[arrival]!
  const applied = founder.commits.filter(({ result }) => result === 'Success')
  const began = applied.find((one) => one.epoch === epoch)
  if (began === undefined) return false
  const earlier = commits.slice(0, arrival)
  if (earlier.some(({ sequenceId }) => sequenceId > began.sequenceId)) return true
  const ended = applied.find(({ sequenceId }) => sequenceId > began.sequenceId)
  const read = commits.slice(arrival + 1).map(({ sequenceId }) => sequenceId)
  const hasSkipped = ended !== undefined && read.some((id) => id > ended.sequenceId)
  return earlier.length > 0 && hasSkipped && !read.includes(ended.sequenceId)
}

/** What must be equal for all members when all is quiet. */
export function differencesOfState(seen: readonly Seen[]): readonly string[] {
  const [first, ...others] = seen.map(({ peer, view }) => ({ name: peer.name, view }))
  if (first === undefined) return []
  const fields = [
    'epoch',
    'authenticator',
    'isActive',
    'members',
    'admins',
    'superAdmins',
    'metadata',
    'policies',
  ] as const satisfies readonly (keyof View)[]
  return others.flatMap(({ name, view }) =>
    fields
      .filter((field) => print(view[field]) !== print(first.view[field]))
      .map(
        (field) =>
          `${field} of ${name} is ${print(view[field])}, of ${first.name} ${print(first.view[field])}`,
      ),
  )
}

/**
 * Messages that some have and others have not, among those who were members all the time, and in what the copies differ. Two
 * habits of libxmtp 1.10 are no faults of ours:
 * - It sends its own messages again when three commits came first, though others have read them (mls_sync.rs,
 *   `validate_message_epoch`): such a message has another time for its sender than for everybody else.
 * - It does not read what comes after a commit that it was encrypted before, if a place before the sender's in the tree
 *   was empty (OpenMLS, process.rs: position among members taken for the place in the tree; mended since). Its clients
 *   lose such messages of each other. Ours send theirs again, so there they have another time.
 */
export function differencesOfMessages(seen: readonly Seen[]): readonly string[] {
  const ids = new Set(seen.flatMap(({ view }) => view.said.map(({ id }) => id)))
  const found = Array.from(ids, (id) => copiesOf(id, seen)).flatMap(differencesOfCopies)
  const isCommon = (id: string) => {
    const times = copiesOf(id, seen).map(({ said }) => said?.sentAtNs)
    return !times.includes(undefined) && new Set(times).size === 1
  }
  const orderOf = ({ view }: Seen) => print(view.said.map(({ id }) => id).filter(isCommon))
  const first = seen[0]!
  for (const other of seen)
    if (orderOf(other) !== orderOf(first))
      found.push(`the order at ${other.peer.name} is not that of ${first.peer.name}`)
  return found
}

type Copy = { readonly peer: Peer; readonly said: Said | undefined }

function copiesOf(id: string, seen: readonly Seen[]): readonly Copy[] {
  return seen.map(({ peer, view }) => ({ peer, said: view.said.find((one) => one.id === id) }))
}

function differencesOfCopies(copies: readonly Copy[]): readonly string[] {
  const { text, senderInboxId } = copies.find(({ said }) => said !== undefined)!.said!
  const sender = copies.find(({ peer }) => peer.inboxId === senderInboxId)?.peer
  // Who was removed before a message came again cannot send it again: then libxmtp has it not.
  const isOfOurs = sender?.isOurs ?? false
  const found: string[] = []
  const without = copies.filter(({ peer, said }) => !said && (peer.isOurs || isOfOurs))
  if (without.length > 0)
    found.push(`"${text}" is missing at ${without.map(({ peer }) => peer.name).join(', ')}`)
  if (
    new Set(copies.flatMap(({ said }) => (said ? [said.text + said.senderInboxId] : []))).size > 1
  )
    found.push(`"${text}" is not the same everywhere`)
  for (const isOurs of [true, false]) {
    const readers = copies.filter(({ peer }) => peer.isOurs === isOurs && peer !== sender)
    const times = readers.flatMap(({ said }) => (said ? [said.sentAtNs] : []))
    if (new Set(times).size > 1 && (isOurs || isOfOurs)) found.push(`"${text}" has several times`)
  }
  return found
}

/** What its sender was told is sent. */
export type Told = { readonly id: string; readonly text: string; readonly by: Peer }

/** What these clients do not have of it; but see `differencesOfMessages` for what libxmtp loses of its own. */
export function lost(told: readonly Told[], seen: readonly Seen[]): readonly string[] {
  return seen.flatMap(({ peer, view }) => {
    const there = new Set(view.said.map(({ id }) => id))
    return told
      .filter(({ id, by }) => !there.has(id) && (by === peer || by.isOurs || peer.isOurs))
      .map(({ text }) => `"${text}" was said, and ${peer.name} has it not`)
  })
}

/** What is listed and did not come by the stream of the same client. */
export function notStreamed({ peer, view }: Seen): readonly string[] {
  const streamed = peer.streamed()
  if (streamed === undefined) return []
  return view.said
    .filter(({ id }) => !streamed.has(id))
    .map(({ text }) => `"${text}" did not come by the stream of ${peer.name}`)
}

/** What ours refused that nobody needs to refuse: libxmtp publishes what it may not do, and then everybody says no. */
export function unexpected(
  complaints: readonly string[],
  { isSomebodyLost }: { readonly isSomebodyLost: boolean },
): readonly string[] {
  const expected = [
    '[v3.group.commitRefused]',
    '[client.message.senderGone]',
    // Of who is in an epoch that the others never had, or was taken in there by somebody who is.
    ...(isSomebodyLost ? ['[message.senderDataUndecryptable]', '[message.epochInFuture]'] : []),
  ]
  return complaints.filter((text) => !expected.some((code) => text.includes(code)))
}

function print(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? String(one) : one))
}
