import { describe, expect, it } from 'vitest'
import { gunzipSync } from 'node:zlib'
import { request } from 'node:http'
import { closeAfterEach, linesOf, postJson, startNode, topic } from './support.ts'

closeAfterEach()

const message = Buffer.from('hello').toString('base64')

describe('the JSON gateway', () => {
  it('publishes and queries as xmtp-js asks it to', async () => {
    const { url } = await startNode()
    const envelope = { contentTopic: topic, timestampNs: '18446744073709551615', message }
    const published = await postJson(url, '/message/v1/publish', { envelopes: [envelope] })
    expect([published.status, await published.json()]).toEqual([200, {}])
    const page = await postJson(url, '/message/v1/query', {
      contentTopics: [topic],
      pagingInfo: { limit: 1, direction: 'SORT_DIRECTION_DESCENDING' },
    })
    expect(await page.json()).toEqual({
      envelopes: [envelope],
      pagingInfo: {
        limit: 1,
        cursor: { index: { digest: expect.any(String), senderTimeNs: envelope.timestampNs } },
        direction: 'SORT_DIRECTION_DESCENDING',
      },
    })
    const rest = await postJson(url, '/message/v1/query', { contentTopics: [topic] })
    expect(await rest.json()).toEqual({
      envelopes: [envelope],
      pagingInfo: { limit: 0, cursor: null, direction: 'SORT_DIRECTION_DESCENDING' },
    })
    const batch = await postJson(url, '/message/v1/batch-query', { requests: [] })
    expect(await batch.json()).toEqual({ responses: [] })
  })

  it('reads names, numbers, base64 and enums in every spelling', async () => {
    const { url } = await startNode()
    const body = `{"envelopes":[{"content_topic":"${topic}","timestamp_ns":18446744073709551614,
      "message":"_-8","unknown":{"a":[1]}},{"contentTopic":"${topic}","timestampNs":7,"message":"AA"}]}`
    expect((await postJson(url, '/message/v1/publish', body)).status).toBe(200)
    const page = await postJson(url, '/message/v1/query', {
      content_topics: [topic],
      end_time_ns: '18446744073709551615',
      paging_info: { limit: '5', direction: 1 },
    })
    const { envelopes } = await page.json()
    expect(envelopes.map((each: any) => [each.timestampNs, each.message])).toEqual([
      ['7', 'AA=='],
      ['18446744073709551614', '/+8='],
    ])
  })

  it.each([
    ['no JSON', '{"a"'],
    ['a list', '[]'],
    ['a rounded time', `{"envelopes":[{"contentTopic":"${topic}","timestampNs":1e19}]}`],
    ['a fraction', `{"envelopes":[{"contentTopic":"${topic}","timestampNs":1.5}]}`],
    ['a time above uint64', `{"envelopes":[{"timestampNs":18446744073709551616}]}`],
    ['a negative time', `{"envelopes":[{"timestampNs":-1}]}`],
    ['no base64', `{"envelopes":[{"contentTopic":"${topic}","message":"?"}]}`],
    ['a topic that is no text', `{"envelopes":[{"contentTopic":5}]}`],
    ['envelopes that are none', `{"envelopes":[7]}`],
    ['an object for a list', `{"envelopes":{}}`],
  ])('refuses %s', async (_, body) => {
    const { url, log } = await startNode()
    const response = await postJson(url, '/message/v1/publish', body)
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ code: 3, message: expect.any(String), details: [] })
    expect(await log.count()).toBe(0)
  })

  it.each([
    ['query', { contentTopics: [] }, 400, 3, 'content topics required'],
    ['query', '', 400, 3, 'content topics required'],
    [
      'query',
      { contentTopics: [topic], pagingInfo: { limit: 101 } },
      400,
      3,
      'cannot exceed 100 rows per query',
    ],
    [
      'query',
      { contentTopics: Array.from({ length: 10_001 }, (_, index) => String(index)) },
      400,
      3,
      'cannot exceed 10000 topics',
    ],
    [
      'batch-query',
      { requests: Array.from({ length: 51 }, () => ({})) },
      400,
      3,
      'cannot exceed 50 requests in single batch',
    ],
    ['batch-query', { requests: [{ contentTopics: [] }] }, 400, 3, 'content topics required'],
    ['publish', { envelopes: [{ contentTopic: 'x'.repeat(301) }] }, 400, 3, 'topic length too big'],
    ['publish', { envelopes: [{ contentTopic: '' }] }, 400, 3, 'content topic required'],
    [
      'publish',
      { envelopes: [{ contentTopic: topic, message: 'A'.repeat(1_397_624) }] },
      400,
      3,
      'message too big',
    ],
    [
      'publish',
      { envelopes: [{ contentTopic: '/xmtp/0/contact-0x1/proto' }] },
      401,
      16,
      'authorization token is not provided',
    ],
    ['subscribe', { contentTopics: [topic], resumeAfter: 'AAAA' }, 400, 3, expect.any(String)],
    [
      'subscribe',
      { contentTopics: [topic], resumeAfter: Buffer.alloc(16).toString('base64') },
      400,
      9,
      expect.any(String),
    ],
  ])(
    'answers a wrong %s with the status and text of the reference',
    async (path, body, status, code, text) => {
      const { url } = await startNode()
      const response = await postJson(url, `/message/v1/${path}`, body)
      expect(response.status).toBe(status)
      expect(await response.json()).toEqual({ code, message: text, details: [] })
    },
  )

  it('allows 500 rows of one userpreferences topic', async () => {
    const { url } = await startNode()
    const ask = (contentTopics: string[]) =>
      postJson(url, '/message/v1/query', { contentTopics, pagingInfo: { limit: 500 } })
    expect((await ask(['/xmtp/0/userpreferences-1/proto'])).status).toBe(200)
    expect((await ask(['/xmtp/0/userpreferences-1/proto', topic])).status).toBe(400)
  })

  it('gives CORS on everything, and long-lived preflights', async () => {
    const { url } = await startNode()
    const answers = [
      await postJson(url, '/message/v1/query', { contentTopics: [topic] }),
      await postJson(url, '/message/v1/query', {}),
      await postJson(url, '/nothing', {}),
      await fetch(`${url}/healthz`),
      await fetch(`${url}/message/v1/query`),
      await postJson(url, '/message/v1/subscribe', { contentTopics: [] }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([200, 400, 404, 200, 501, 200])
    for (const { headers } of answers) expect(headers.get('access-control-allow-origin')).toBe('*')
    await answers.at(-1)!.body!.cancel()
    const preflight = await fetch(`${url}/message/v1/publish`, {
      method: 'OPTIONS',
      headers: { 'access-control-request-method': 'POST' },
    })
    expect(preflight.status).toBe(200)
    const allowed = preflight.headers.get('access-control-allow-headers')!.toLowerCase().split(',')
    for (const name of [
      'content-type',
      'authorization',
      'x-client-version',
      'x-app-version',
      'x-grpc-web',
      'x-libxmtp-version',
    ])
      expect(allowed).toContain(name)
    expect(Number(preflight.headers.get('access-control-max-age'))).toBeGreaterThan(86_399)
  })

  it('compresses queries for those who accept it, and nothing else', async () => {
    const { url } = await startNode()
    const raw = await new Promise<{ encoding: string | undefined; body: Buffer }>((resolve) => {
      const sent = request(
        `${url}/message/v1/query`,
        { method: 'POST', headers: { 'accept-encoding': 'gzip' } },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('end', () =>
            resolve({
              encoding: response.headers['content-encoding'],
              body: Buffer.concat(chunks),
            }),
          )
        },
      )
      sent.end(JSON.stringify({ contentTopics: [topic] }))
    })
    expect(raw.encoding).toBe('gzip')
    expect(JSON.parse(gunzipSync(raw.body).toString())).toHaveProperty('envelopes', [])
    const stream = await postJson(
      url,
      '/message/v1/subscribe',
      { contentTopics: [] },
      { 'accept-encoding': 'gzip' },
    )
    expect(stream.headers.get('content-encoding')).toBeNull()
    await stream.body!.cancel()
  })

  it('B7: opens a stream at once and keeps a quiet one alive with spaces that parse', async () => {
    const subscribe = (at: string) =>
      postJson(at, '/message/v1/subscribe', { contentTopics: [topic] })
    // Long before there is anything to send.
    await (await subscribe((await startNode({ quietStreamMs: 600_000 })).url)).body!.cancel()
    const { url } = await startNode({ quietStreamMs: 20 })
    const stream = await subscribe(url)
    expect(stream.headers.get('subscribed')).toBe('true')
    const [mine, theirs] = stream.body!.tee()
    const first = await mine.getReader().read()
    expect(new TextDecoder().decode(first.value)).toBe(' ')
    await postJson(url, '/message/v1/publish', {
      envelopes: [{ contentTopic: topic, timestampNs: '5', message }],
    })
    const lines = linesOf(new Response(theirs))
    expect((await lines.next()).value).toEqual({
      result: { contentTopic: topic, timestampNs: '5', message },
    })
    void lines.return(undefined)
  })

  it('resumes a stream behind a token without gap or double', async () => {
    const { url } = await startNode()
    const publish = (time: number) =>
      postJson(url, '/message/v1/publish', {
        envelopes: [{ contentTopic: topic, timestampNs: time, message }],
      })
    const first = await postJson(url, '/message/v1/subscribe', {
      contentTopics: [topic],
      resume: true,
    })
    const start = first.headers.get('x-xmtp-resume-token')
    await publish(1)
    const lines = linesOf(first)
    const { resumeToken } = (await lines.next()).value.result
    void lines.return(undefined)
    await publish(2)
    await publish(3)
    const next = async (resumeAfter: unknown, count: number) => {
      const again = linesOf(
        await postJson(url, '/message/v1/subscribe', { contentTopics: [topic], resumeAfter }),
      )
      const times: string[] = []
      while (times.length < count) times.push((await again.next()).value.result.timestampNs)
      void again.return(undefined)
      return times
    }
    expect(await next(resumeToken, 2)).toEqual(['2', '3'])
    expect(await next(start, 3)).toEqual(['1', '2', '3'])
  })

  it('speaks binary protobuf to those who send it', async () => {
    const { url } = await startNode()
    const response = await fetch(`${url}/message/v1/query`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body: Buffer.concat([Buffer.from([10, topic.length]), Buffer.from(topic)]),
    })
    expect(response.headers.get('content-type')).toBe('application/x-protobuf')
    expect([...new Uint8Array(await response.arrayBuffer())]).toEqual([18, 2, 24, 2])
  })

  it('B20: limits with 429 and Retry-After', async () => {
    const { url } = await startNode({ limits: { reads: 2, writes: 1 } })
    const ask = () => postJson(url, '/message/v1/query', { contentTopics: [topic] })
    expect([(await ask()).status, (await ask()).status]).toEqual([200, 200])
    const refused = await ask()
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(100)
    expect(await refused.json()).toEqual({
      code: 8,
      message: '1 exceeds rate limit R127.0.0.1DEF',
      details: [],
    })
  })

  it('B2: limits one address whatever it says in X-Forwarded-For', async () => {
    const { url } = await startNode({ limits: { reads: 10, writes: 10 } })
    const statuses: number[] = []
    for (let index = 0; index < 30; index += 1) {
      const headers = { 'x-forwarded-for': `198.51.100.${index}` }
      statuses.push(
        (await postJson(url, '/message/v1/query', { contentTopics: [topic] }, headers)).status,
      )
    }
    expect(statuses.filter((status) => status === 200)).toHaveLength(10)
  })
})
