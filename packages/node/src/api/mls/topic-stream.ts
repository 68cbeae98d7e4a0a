import { randomInt } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { SubscribeRequest } from '@xmtp-ts/proto/mls/api/v1/mls'
import { XmtpError } from '@xmtp-ts/protocol'
import { Lane, type Replay } from '../../follow/lane.ts'
import { maxControlFrames, maxStalledSendMs, maxStreamTopics, maxWaves } from '../../limits.ts'
import { decodeRequest } from '../decode.ts'
import type { OpenStream } from '../method.ts'
import type { V3Services } from '../v3-services.ts'
import { malformedChange, readMutation, type LaneKind, type Mutation } from './mutation.ts'
import { messageFrames, responseFrame, topicsLiveFrames } from './stream-frames.ts'

/** One catch-up: what a change of topics set going. */
type Wave = {
  readonly id: bigint
  readonly isHistoryOnly: boolean
  /** What it catches up: the name in the log, and as the caller names it. */
  readonly names: Map<string, Uint8Array>
  /** Welcomes first: they are few, and say which groups to ask for. */
  readonly replays: { readonly kind: LaneKind; readonly replay: Replay }[]
}

export type TopicStreamParts = Pick<V3Services, 'groupFeed' | 'welcomeFeed' | 'store'> & {
  readonly keepaliveMs: number
  /** Pays for a change of topics. Throws when the caller may not. */
  readonly onMutation: (mutation: Mutation) => void
}

/**
 * One Subscribe stream (XIP-83, node-api §9). Changes come in by `read`, frames go out by `batches`. Nothing is made
 * before the caller has taken what was made before, so that a slow one costs no more than a fast one.
 */
export class TopicStream {
  readonly #parts: TopicStreamParts
  readonly #lanes: Readonly<Record<LaneKind, Lane>>
  readonly #waves = new Map<bigint, Wave>()
  readonly #keepalive: NodeJS.Timeout
  #control: Uint8Array[] = []
  #failure: XmtpError | undefined
  #isHalfClosed = false
  #isClosed = false
  #isDirty = false
  #wake: (() => void) | undefined
  #wasHeard = true
  #awaitedPong: bigint | undefined
  #sendingSinceMs: number | undefined

  /** @throws XmtpError `node.streams.tooMany`, `node.closing` */
  constructor(parts: TopicStreamParts) {
    this.#parts = parts
    const { store, groupFeed, welcomeFeed, keepaliveMs } = parts
    const onWake = (): void => this.#notify()
    const group = new Lane({ feed: groupFeed, log: store.groupMessages, onWake })
    try {
      const welcome = new Lane({ feed: welcomeFeed, log: store.welcomes, onWake })
      this.#lanes = { group, welcome }
    } catch (error) {
      group.close()
      throw error
    }
    const value = { keepaliveIntervalMs: keepaliveMs, capabilities: [] }
    this.#control.push(responseFrame({ $case: 'started', value }))
    this.#keepalive = setInterval(() => this.#checkLiveness(), keepaliveMs)
  }

  /** Takes the requests of the caller until it half-closes. What is wrong with one ends the stream. */
  async read(requests: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      for await (const request of requests) {
        if (this.#isClosed) return
        this.#handle(request)
        this.#notify()
      }
    } catch (error) {
      this.#fail(
        error instanceof XmtpError
          ? error
          : new XmtpError('node.store.unavailable', 'The stream cannot go on.', { cause: error }),
      )
    }
    this.#isHalfClosed = true
    this.#notify()
  }

  /**
   * The frames, in batches of what is there; ends with OK after a half-close, when all that was asked for is sent.
   * @throws XmtpError `node.subscribe.*`, `node.stream.tooSlow`, `node.closing`, `node.store.unavailable`
   */
  async *batches(): OpenStream['batches'] {
    try {
      while (!this.#isClosed) {
        this.#isDirty = false
        const frames = await this.#nextFrames()
        if (frames.length > 0) {
          this.#sendingSinceMs = performance.now()
          yield frames
          this.#sendingSinceMs = undefined
        } else if (await this.#isComplete()) return
        else if (this.#waves.size === 0) await this.#wakeUp()
      }
    } finally {
      this.close()
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  /** The caller has left, or the stream has ended. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearInterval(this.#keepalive)
    this.#control = []
    this.#waves.clear()
    for (const lane of Object.values(this.#lanes)) lane.close()
    this.#notify()
  }

  #fail(error: XmtpError): void {
    if (!this.#isClosed) this.#failure = error
    this.close()
  }

  async #nextFrames(): Promise<readonly Uint8Array[]> {
    const frames = this.#control
    this.#control = []
    for (const kind of laneKinds)
      frames.push(...messageFrames(kind, this.#lanes[kind].takeLive(), 0n))
    const [wave] = this.#waves.values()
    if (wave !== undefined) frames.push(...(await this.#advance(wave)))
    return frames
  }

  /** One step of a wave, which then goes behind the others. */
  async #advance(wave: Wave): Promise<readonly Uint8Array[]> {
    const [first] = wave.replays
    const frames: Uint8Array[] = []
    if (first !== undefined) {
      const { messages, isLast } = await first.replay.next()
      frames.push(...messageFrames(first.kind, messages, wave.id))
      if (isLast) wave.replays.shift()
    }
    if (!this.#waves.delete(wave.id)) return frames
    if (wave.replays.length > 0) {
      this.#waves.set(wave.id, wave)
      return frames
    }
    return [...frames, ...topicsLiveFrames([...wave.names.values()]), completed(wave.id)]
  }

  #handle(bytes: Uint8Array): void {
    const { version } = decodeRequest(SubscribeRequest, bytes)
    if (version === undefined) throw malformedChange('unknown request version')
    this.#wasHeard = true
    const { request } = version.value
    switch (request?.$case) {
      case 'mutate': {
        const mutation = readMutation(request.value)
        this.#parts.onMutation(mutation)
        this.#apply(mutation)
        break
      }
      case 'ping':
        this.#say(responseFrame({ $case: 'pong', value: { nonce: request.value.nonce } }))
        break
      case 'pong':
        if (request.value.nonce === this.#awaitedPong) this.#awaitedPong = undefined
        break
      case undefined:
        // A kind of request that we did not offer.
        break
      default:
        request satisfies never
    }
  }

  /** All of a change or, when it is not allowed, nothing. */
  #apply(mutation: Mutation): void {
    this.#check(mutation)
    for (const { kind, topic } of mutation.removes) {
      this.#lanes[kind].remove(topic)
      for (const { names } of this.#waves.values()) names.delete(topic)
    }
    const wave = this.#waveOf(mutation)
    if (wave.names.size === 0) this.#say(completed(mutation.id))
    else this.#waves.set(wave.id, wave)
  }

  #check({ id, isHistoryOnly, adds, removes }: Mutation): void {
    if (adds.length === 0) return
    if (this.#waves.has(id)) throw malformedChange(`mutate_id ${id} is in flight`)
    if (this.#waves.size >= maxWaves) throw tooMuch(`${maxWaves} catch-ups`)
    const topicCount = laneKinds.reduce((sum, kind) => sum + this.#lanes[kind].topicCount, 0)
    if (topicCount + adds.length > maxStreamTopics) throw tooMuch(`${maxStreamTopics} topics`)
    if (!isHistoryOnly) return
    const removed = new Set(removes.map(({ topic }) => topic))
    const inHistory = [...this.#waves.values()].filter((wave) => wave.isHistoryOnly)
    for (const { kind, topic } of adds) {
      if (removed.has(topic)) continue
      if (this.#lanes[kind].has(topic)) throw malformedChange('history_only of a live topic')
      if (inHistory.some(({ names }) => names.has(topic)))
        throw malformedChange('history_only of a topic that another history_only catches up')
    }
  }

  /** Topics that the caller gets anyway, from where it is, are not in it. */
  #waveOf({ id, isHistoryOnly, adds }: Mutation): Wave {
    const wave: Wave = { id, isHistoryOnly, names: new Map(), replays: [] }
    for (const kind of laneKinds) {
      const lane = this.#lanes[kind]
      const cursors = new Map<string, number>()
      for (const add of adds) {
        if (add.kind !== kind) continue
        const cursor = lane.clamp(add.cursor)
        if (!isHistoryOnly && lane.isCovered(add.topic, cursor)) continue
        cursors.set(add.topic, cursor)
        if (!isHistoryOnly) this.#takeFromOthers(add.topic)
        wave.names.set(add.topic, add.name)
      }
      if (cursors.size === 0) continue
      const replay = isHistoryOnly ? lane.readOnly(cursors) : lane.follow(cursors)
      wave.replays.push({ kind, replay })
    }
    return wave
  }

  /** A topic that is caught up from an earlier place leaves the wave that it was in. */
  #takeFromOthers(topic: string): void {
    for (const { names, isHistoryOnly } of this.#waves.values())
      if (!isHistoryOnly) names.delete(topic)
  }

  #say(frame: Uint8Array): void {
    if (this.#control.length >= maxControlFrames)
      throw new XmtpError('node.stream.tooSlow', 'The caller asks and does not read.', {
        details: { text: 'subscription closed: consumer too slow' },
      })
    this.#control.push(frame)
  }

  #checkLiveness(): void {
    const stalledMs = performance.now() - (this.#sendingSinceMs ?? performance.now())
    if (stalledMs > maxStalledSendMs)
      this.#fail(new XmtpError('node.subscribe.stalled', 'A send is held up by its caller.'))
    if (this.#isHalfClosed || this.#sendingSinceMs !== undefined) return
    if (this.#wasHeard) {
      this.#wasHeard = false
      this.#awaitedPong = undefined
    } else if (this.#awaitedPong === undefined) {
      this.#awaitedPong = BigInt(randomInt(1, 2 ** 47))
      this.#control.push(responseFrame({ $case: 'ping', value: { nonce: this.#awaitedPong } }))
      this.#notify()
    } else
      this.#fail(
        new XmtpError('node.subscribe.silent', 'A ping was not answered.', {
          details: { text: 'no pong within the keepalive interval' },
        }),
      )
  }

  async #isComplete(): Promise<boolean> {
    if (!this.#isHalfClosed || this.#waves.size > 0 || this.#control.length > 0) return false
    // What the feed has handed over arrives within a turn.
    await nextTurn()
    const drained = await Promise.all(laneKinds.map((kind) => this.#lanes[kind].isDrained()))
    await nextTurn()
    return drained.every(Boolean) && !this.#isDirty
  }

  #notify(): void {
    this.#isDirty = true
    this.#wake?.()
  }

  async #wakeUp(): Promise<void> {
    if (this.#isDirty) return
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    this.#wake = undefined
  }
}

const laneKinds = ['welcome', 'group'] as const satisfies readonly LaneKind[]

function completed(mutateId: bigint): Uint8Array {
  return responseFrame({ $case: 'catchupComplete', value: { mutateId } })
}

function tooMuch(what: string): XmtpError {
  return new XmtpError('node.subscribe.tooMuch', `A stream has at most ${what}.`, {
    details: { text: `cannot exceed ${what} in single stream` },
  })
}
