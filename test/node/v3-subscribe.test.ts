import { openMemoryV3Store, type NodeParts, type V3Item } from '@xmtp-ts/node'
import {
  GroupMessage,
  SubscribeRequest,
  SubscribeResponse,
  WelcomeMessage,
  type SubscribeRequest_V1,
  type SubscribeResponse_V1,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import { WelcomeWrapperAlgorithm } from '@xmtp-ts/proto/mls/message_contents/wrapper_encryption'
import { v3 } from '@xmtp-ts/protocol'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { closeAfterEach, grpcClient, later, startNode } from './support.ts'

closeAfterEach()

const path = '/xmtp.mls.api.v1.MlsApi/Subscribe'
const none = new Uint8Array()
const groupOf = (index: number) => new Uint8Array(16).fill(index)
const groupName = (index: number) => v3.binaryTopic({ kind: 'group', id: groupOf(index) })
const installation = new Uint8Array(32).fill(7)
const welcomeName = v3.binaryTopic({ kind: 'welcome', id: installation })

type Request = NonNullable<SubscribeRequest_V1['request']>
type Response = NonNullable<SubscribeResponse_V1['response']>

async function open(parts: Partial<NodeParts> = {}) {
  const store = parts.v3 ?? openMemoryV3Store()
  const node = await startNode({ v3: store, ...parts })
  let digest = 0
  /** @returns the ids of the new messages */
  const publish = async (group: number, count = 1, bytes = 0) => {
    const items = Array.from({ length: count }, (): V3Item => {
      digest += 1
      return {
        topic: v3.mlsTopic({ kind: 'group', id: groupOf(group) }),
        digest: Buffer.from(String(digest).padEnd(32)),
        encode: ({ sequence, createdNs }) =>
          GroupMessage.encode({
            version: {
              $case: 'v1',
              value: {
                id: BigInt(sequence),
                createdNs,
                groupId: groupOf(group),
                data: new Uint8Array(bytes),
                senderHmac: none,
                shouldPush: false,
                isCommit: false,
              },
            },
          }).finish(),
      }
    })
    const appended = await store.groupMessages.append(items, 1)
    return appended.map(({ sequence }) => sequence)
  }
  const welcome = async () => {
    digest += 1
    await store.welcomes.append(
      [
        {
          topic: v3.mlsTopic({ kind: 'welcome', id: installation }),
          digest: Buffer.from(String(digest).padEnd(32)),
          encode: ({ sequence, createdNs }) =>
            WelcomeMessage.encode({
              version: {
                $case: 'v1',
                value: {
                  id: BigInt(sequence),
                  createdNs,
                  installationKey: installation,
                  data: none,
                  hpkePublicKey: none,
                  wrapperAlgorithm: WelcomeWrapperAlgorithm.WELCOME_WRAPPER_ALGORITHM_CURVE25519,
                  welcomeMetadata: none,
                },
              },
            }).finish(),
        },
      ],
      1,
    )
  }
  return { node, publish, welcome, stream: () => subscribe(node) }
}

/** One stream as a client has it: frames in, in order, and what was sent on it. */
function subscribe(node: { port: number }) {
  const { call, status, opened } = grpcClient(node).bidi(path)
  const frames: Response[] = []
  const waiting = new Set<() => void>()
  call.on('data', (bytes: Buffer) => {
    frames.push(SubscribeResponse.decode(bytes).version!.value.response!)
    for (const check of waiting) check()
  })
  const send = (request: Request | undefined) =>
    void call.write(
      Buffer.from(
        SubscribeRequest.encode({ version: { $case: 'v1', value: { request } } }).finish(),
      ),
    )
  const mutate = (
    id: number,
    adds: readonly [Uint8Array, number][],
    more: { removes?: readonly Uint8Array[]; historyOnly?: boolean } = {},
  ) =>
    send({
      $case: 'mutate',
      value: {
        adds: adds.map(([topic, cursor]) => ({ topic, idCursor: BigInt(cursor) })),
        removes: [...(more.removes ?? [])],
        historyOnly: more.historyOnly ?? false,
        mutateId: BigInt(id),
      },
    })
  const until = (done: () => boolean) =>
    new Promise<void>((resolve) => {
      const check = () => {
        if (!done()) return
        waiting.delete(check)
        resolve()
      }
      waiting.add(check)
      check()
    })
  const completed = (id: number) =>
    until(() =>
      frames.some((each) => each.$case === 'catchupComplete' && each.value.mutateId === BigInt(id)),
    )
  return { call, status, opened, frames, send, mutate, until, completed }
}

/** A short word for each frame: `wave 1: g1 g2`, `live: w1`. */
function words(frames: readonly Response[]): string[] {
  return frames.map((frame) => {
    switch (frame.$case) {
      case 'messages': {
        const { groupMessages, welcomeMessages, mutateId } = frame.value
        const ids = [
          ...welcomeMessages.map(({ version }) => `w${version!.value.id}`),
          ...groupMessages.map(({ version }) => `g${version!.value.id}`),
        ]
        return `${mutateId === 0n ? 'live' : `wave ${mutateId}`}: ${ids.join(' ')}`
      }
      case 'topicsLive':
        return `topics: ${frame.value.topics.length}`
      case 'catchupComplete':
        return `complete ${frame.value.mutateId}`
      case 'ping':
      case 'pong':
      case 'started':
      default:
        return frame.$case
    }
  })
}

const idsOf = (frames: readonly Response[], mutateId?: bigint) =>
  frames
    .flatMap((frame) => (frame.$case === 'messages' ? [frame.value] : []))
    .filter((each) => mutateId === undefined || each.mutateId === mutateId)
    .flatMap(({ groupMessages }) => groupMessages.map(({ version }) => Number(version!.value.id)))

describe('a Subscribe stream', () => {
  it('says that it started, at once, before anything is asked for', async () => {
    const { stream } = await open()
    const { frames, until, opened } = stream()
    await until(() => frames.length === 1)
    expect((await opened).get('subscribed')).toEqual(['true'])
    expect(frames).toEqual([
      { $case: 'started', value: { keepaliveIntervalMs: 30_000, capabilities: [] } },
    ])
  })

  it('catches each wave up from its cursors, says so, and is live from there', async () => {
    const { stream, publish, welcome } = await open()
    await publish(1, 3)
    await publish(2, 2)
    await welcome()
    const { frames, mutate, completed, until } = stream()
    mutate(5, [
      [groupName(1), 1],
      [welcomeName, 0],
    ])
    await completed(5)
    await publish(1)
    await until(() => idsOf(frames).includes(6))
    mutate(6, [[groupName(2), 0]])
    await completed(6)
    await publish(2)
    await until(() => idsOf(frames).includes(7))
    expect(words(frames)).toEqual([
      'started',
      'wave 5: w1',
      'wave 5: g2 g3',
      'topics: 2',
      'complete 5',
      'live: g6',
      'wave 6: g4 g5',
      'topics: 1',
      'complete 6',
      'live: g7',
    ])
  })

  it('acknowledges a change that starts nothing, and gives a removed topic no more', async () => {
    const { stream, publish } = await open()
    const { frames, mutate, completed, until } = stream()
    mutate(1, [
      [groupName(1), 0],
      [groupName(2), 0],
    ])
    await completed(1)
    mutate(2, [], { removes: [groupName(1)] })
    await completed(2)
    // Followed already, from no later place.
    mutate(3, [[groupName(2), 0]])
    await completed(3)
    await publish(1)
    await publish(2)
    await until(() => idsOf(frames).length > 0)
    expect(words(frames).slice(1)).toEqual([
      'topics: 2',
      'complete 1',
      'complete 2',
      'complete 3',
      'live: g2',
    ])
  })

  it('replays a topic that is removed and added in one change, or added from an earlier place', async () => {
    const { stream, publish } = await open()
    await publish(1, 3)
    const { frames, mutate, completed } = stream()
    mutate(1, [[groupName(1), 2]])
    await completed(1)
    mutate(2, [[groupName(1), 1]])
    await completed(2)
    mutate(3, [[groupName(1), 2]], { removes: [groupName(1)] })
    await completed(3)
    expect(words(frames).slice(1)).toEqual([
      'wave 1: g3',
      'topics: 1',
      'complete 1',
      'wave 2: g2 g3',
      'topics: 1',
      'complete 2',
      'wave 3: g3',
      'topics: 1',
      'complete 3',
    ])
  })

  it('reads history without following it, and ends with OK after the half-close', async () => {
    const { stream, publish } = await open()
    await publish(1, 700)
    const { call, frames, mutate, status } = stream()
    mutate(9, [[groupName(1), 0]], { historyOnly: true })
    call.end()
    expect(await status).toMatchObject({ code: 0 })
    expect(idsOf(frames, 9n)).toEqual(Array.from({ length: 700 }, (_, index) => index + 1))
    expect(words(frames).slice(-2)).toEqual(['topics: 1', 'complete 9'])
  })

  it('sends all that was published before the half-close', async () => {
    const { stream, publish } = await open()
    const { call, frames, mutate, completed, status } = stream()
    mutate(1, [[groupName(1), 0]])
    await completed(1)
    await publish(1, 50)
    call.end()
    expect(await status).toMatchObject({ code: 0 })
    expect(idsOf(frames)).toHaveLength(50)
  })

  it('puts messages in frames of about 2 MiB', async () => {
    const { stream, publish } = await open()
    await publish(1, 7, 1_000_000)
    const { frames, mutate, completed } = stream()
    mutate(1, [[groupName(1), 0]])
    await completed(1)
    expect(words(frames).filter((word) => word.startsWith('wave'))).toEqual([
      'wave 1: g1 g2',
      'wave 1: g3 g4',
      'wave 1: g5 g6',
      'wave 1: g7',
    ])
  })

  it.each<[string, (stream: ReturnType<typeof subscribe>) => void, number, RegExp]>([
    ['an addition without an id', ({ mutate }) => mutate(0, [[groupName(1), 0]]), 3, /nonzero/],
    [
      'a kind that is not served',
      ({ mutate }) => mutate(1, [[Uint8Array.of(2, 1, 1), 0]]),
      3,
      /v3\.topic\.malformed/,
    ],
    ['an empty topic', ({ mutate }) => mutate(1, [], { removes: [none] }), 3, /v3\.topic/],
    [
      'a welcome topic of the wrong length',
      ({ mutate }) => mutate(1, [[Uint8Array.of(1, 1, 1), 0]]),
      3,
      /v3\.topic\.malformed/,
    ],
    [
      'history of a live topic',
      ({ mutate }) => {
        mutate(1, [[groupName(1), 0]])
        mutate(2, [[groupName(1), 0]], { historyOnly: true })
      },
      3,
      /history_only of a live topic/,
    ],
    [
      'an unknown version',
      ({ call }) => void call.write(Buffer.of(0x12, 0)),
      3,
      /unknown request version/,
    ],
    ['noise', ({ call }) => void call.write(Buffer.of(0x0a, 0xff)), 3, /node\.request\.malformed/],
    [
      'too many topics at once',
      ({ mutate }) =>
        mutate(
          1,
          Array.from({ length: 100_001 }, (_, index) => [groupName(index % 256), 0]),
        ),
      8,
      /100000 topics in single mutate/,
    ],
  ])('ends with a clear status for %s', async (_name, send, code, text) => {
    const { stream } = await open()
    const opened = stream()
    send(opened)
    expect(await opened.status).toMatchObject({ code, details: expect.stringMatching(text) })
  })

  it('refuses an id that is in flight, and more waves than 256', async () => {
    // A store that takes its time: nothing completes meanwhile.
    const v3 = openMemoryV3Store()
    const groupMessages = Object.assign(
      Object.create(v3.groupMessages) as typeof v3.groupMessages,
      {
        read: () => wait(1_000, []),
        append: v3.groupMessages.append.bind(v3.groupMessages),
        head: () => v3.groupMessages.head(),
        onAppend: v3.groupMessages.onAppend.bind(v3.groupMessages),
      },
    )
    const { stream, publish } = await open({ v3: { ...v3, groupMessages } })
    await publish(1)
    await publish(2)
    const twice = stream()
    twice.mutate(1, [[groupName(1), 0]])
    twice.mutate(1, [[groupName(2), 0]])
    expect(await twice.status).toMatchObject({ code: 3, details: 'mutate_id 1 is in flight' })
    const many = stream()
    for (let id = 1; id <= 257; id += 1) many.mutate(id, [[v3Name(id), 0]])
    expect(await many.status).toMatchObject({ code: 8, details: /256 catch-ups/ })
  })
})

const v3Name = (index: number) =>
  v3.binaryTopic({ kind: 'group', id: Buffer.from(String(index).padStart(16)) })

describe('liveness of a Subscribe stream', () => {
  it('answers pings with their nonce, and ignores what it does not know', async () => {
    const { stream } = await open()
    const { frames, send, until } = stream()
    send(undefined)
    send({ $case: 'ping', value: { nonce: 77n } })
    await until(() => frames.some(({ $case }) => $case === 'pong'))
    expect(frames.at(-1)).toEqual({ $case: 'pong', value: { nonce: 77n } })
  })

  it('pings one who is silent, and goes on when it is answered', async () => {
    const { stream } = await open({ streamKeepaliveMs: 40 })
    const { call, frames, send, until } = stream()
    call.on('data', () => {
      const last = frames.at(-1)
      if (last?.$case === 'ping') send({ $case: 'pong', value: last.value })
    })
    await until(() => frames.filter(({ $case }) => $case === 'ping').length >= 3)
    expect(call.destroyed).toBe(false)
  })

  it('ends with DEADLINE_EXCEEDED when nobody answers', async () => {
    const { stream } = await open({ streamKeepaliveMs: 40 })
    const { status, frames } = stream()
    expect(await status).toMatchObject({ code: 4 })
    expect(words(frames)).toEqual(['started', 'ping'])
  })

  it('does not ping after the half-close', async () => {
    const { stream } = await open({ streamKeepaliveMs: 20 })
    const { call, status, frames } = stream()
    call.end()
    expect(await status).toMatchObject({ code: 0 })
    await wait(60)
    expect(words(frames)).toEqual(['started'])
  })

  it('tells those who are on it when the node closes', async () => {
    const { node, stream } = await open()
    const { mutate, completed, status } = stream()
    mutate(1, [[groupName(1), 0]])
    await completed(1)
    await node[Symbol.asyncDispose]()
    expect(await status).toMatchObject({ code: 14 })
  })
})

it('is UNIMPLEMENTED, with a text, where there are no two directions', async () => {
  const { node } = await open()
  const web = await fetch(`${node.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/grpc-web+proto' },
    body: Buffer.alloc(5),
  })
  const trailers = decodeURIComponent(await web.text())
  expect(trailers).toMatch(/grpc-status: 12\r\n.*over gRPC \(HTTP\/2\)/s)
  const json = await fetch(`${node.url}/mls/v1/subscribe`, { method: 'POST', body: '{}' })
  expect(json.status).toBe(501)
  expect(await json.json()).toMatchObject({
    code: 12,
    message: expect.stringContaining('over gRPC (HTTP/2)'),
  })
})

/** What a server of XIP-83 promises, checked frame by frame as libxmtp's own checker does. */
function checkContract(frames: readonly Response[], sent: ReadonlyMap<bigint, readonly string[]>) {
  const owed = new Map(sent)
  const newest = new Map<string, number>()
  let live = 0
  const ofWave = new Map<bigint, number>()
  for (const frame of frames) {
    if (frame.$case === 'catchupComplete') {
      expect(owed.delete(frame.value.mutateId), `ack of ${frame.value.mutateId}`).toBe(true)
      continue
    }
    if (frame.$case !== 'messages') continue
    const { groupMessages, mutateId } = frame.value
    for (const { version } of groupMessages) {
      const { id, groupId } = version!.value
      const topic = Buffer.from(groupId).toString('hex')
      if (mutateId === 0n) {
        expect(Number(id), 'live is one ascending order').toBeGreaterThan(live)
        expect(Number(id), 'live is new').toBeGreaterThan(newest.get(topic) ?? 0)
        live = Number(id)
      } else {
        expect(owed.has(mutateId), `a frame of wave ${mutateId} outside of it`).toBe(true)
        expect(Number(id), 'a wave is one ascending order').toBeGreaterThan(
          ofWave.get(mutateId) ?? 0,
        )
        ofWave.set(mutateId, Number(id))
      }
      newest.set(topic, Math.max(newest.get(topic) ?? 0, Number(id)))
    }
  }
  expect([...owed.keys()], 'every change is acknowledged').toEqual([])
}

it.each([1, 2, 3, 4])('keeps its contract under random changes and load, seed %i', async (seed) => {
  let state = seed * 7919
  const random = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((state / 2_147_483_648) * below)
  }
  const groups = 6
  const { stream, publish } = await open()
  const published: number[][] = Array.from({ length: groups }, () => [])
  let isWriting = true
  const writers = Promise.all(
    [0, 1, 2].map(async (writer) => {
      for (let round = 0; isWriting; round += 1) {
        const group = (writer + round) % groups
        published[group]!.push(...(await publish(group, 1 + (round % 5), 50)))
        if (round % 8 === 0) await wait(1)
      }
    }),
  )
  const streams = await Promise.all(
    [0, 1, 2].map(async () => {
      const opened = stream()
      const sent = new Map<bigint, string[]>()
      /** By group, the lowest cursor of an addition that was not taken back. */
      const floors = new Map<number, number>()
      for (let id = 1; id <= 40; id += 1) {
        const adds = new Map<number, number>()
        for (let count = random(3); count >= 0; count -= 1)
          adds.set(random(groups), random((published[0]!.at(-1) ?? 0) + 5))
        const removes = random(4) === 0 ? [random(groups)] : []
        for (const group of removes) floors.delete(group)
        for (const [group, cursor] of adds)
          floors.set(group, Math.min(cursor, floors.get(group) ?? Infinity))
        sent.set(BigInt(id), [])
        opened.mutate(
          id,
          [...adds].map(([group, cursor]) => [groupName(group), cursor]),
          { removes: removes.map(groupName) },
        )
        await wait(random(6))
      }
      return { ...opened, sent, floors }
    }),
  )
  isWriting = false
  await writers
  for (const { call, status, frames, sent, floors } of streams) {
    call.end()
    expect(await status).toMatchObject({ code: 0 })
    checkContract(frames, sent)
    const got = new Set(idsOf(frames))
    for (const [group, floor] of floors)
      expect(published[group]!.filter((id) => id > floor && !got.has(id))).toEqual([])
  }
})

it('reads the log again when too much arrives during a catch-up', async () => {
  const store = openMemoryV3Store()
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  let isFirst = true
  const { groupMessages } = store
  const slow = {
    append: groupMessages.append.bind(groupMessages),
    page: groupMessages.page.bind(groupMessages),
    newest: groupMessages.newest.bind(groupMessages),
    prune: groupMessages.prune.bind(groupMessages),
    head: () => groupMessages.head(),
    onAppend: groupMessages.onAppend.bind(groupMessages),
    read: async (read: Parameters<typeof groupMessages.read>[0]) => {
      if (read.topics !== 'all' && isFirst) {
        isFirst = false
        await held
      }
      return groupMessages.read(read)
    },
  }
  const { stream, publish } = await open({ v3: { ...store, groupMessages: slow } })
  await publish(1, 2)
  const { frames, mutate, completed, until } = stream()
  mutate(1, [[groupName(1), 0]])
  await wait(20)
  // Twice what a stream keeps.
  for (let round = 0; round < 4; round += 1) await publish(1, 50, 84_000)
  later(release)
  release()
  await completed(1)
  await publish(1)
  await until(() => idsOf(frames).includes(203))
  expect(idsOf(frames)).toEqual(Array.from({ length: 203 }, (_, index) => index + 1))
})
