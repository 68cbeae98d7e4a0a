import { describe, expect, it } from 'vitest'
import { XmtpError, type ErrorCode } from '@xmtp-ts/protocol'
import { retrying } from './retry.ts'

/** Time that only passes when somebody sleeps. */
function fakeTime() {
  const slept: number[] = []
  return {
    slept,
    environment: {
      nowMs: () => 0,
      random: (size: number) => new Uint8Array(size).fill(255),
      sleep: async (ms: number) => void slept.push(ms),
    },
  }
}

async function failing(code: ErrorCode, details: Record<string, unknown> = {}) {
  const { slept, environment } = fakeTime()
  let calls = 0
  const call = async () => {
    calls += 1
    throw new XmtpError(code, 'No.', { details })
  }
  await expect(retrying(call, { environment })).rejects.toMatchObject({ code })
  return { calls, slept }
}

describe('a call', () => {
  it.each(['client.network.unreachable', 'client.node.unavailable', 'client.node.busy'] as const)(
    'that fails with %s is tried five times, ever more rarely',
    async (code) => {
      expect(await failing(code)).toEqual({ calls: 5, slept: [100, 200, 400, 800] })
    },
  )

  it.each([
    'client.node.refused',
    'client.node.denied',
    'client.node.unauthenticated',
    'client.node.failed',
    'client.network.malformedAnswer',
    'client.network.timeout',
    'client.closed',
  ] as const)('that fails with %s is not repeated', async (code) => {
    expect(await failing(code)).toEqual({ calls: 1, slept: [] })
  })

  it('waits as long as the node says, within reason', async () => {
    expect(await failing('client.node.busy', { retryAfterMs: 7_000 })).toEqual({
      calls: 5,
      slept: [7_000, 7_000, 7_000, 7_000],
    })
    expect(await failing('client.node.busy', { retryAfterMs: 300_000 })).toMatchObject({ calls: 1 })
  })

  it('that succeeds the second time is a success', async () => {
    const { environment } = fakeTime()
    let calls = 0
    const call = async () => {
      calls += 1
      if (calls === 1) throw new XmtpError('client.node.unavailable', 'No.')
      return 'yes'
    }
    expect(await retrying(call, { environment })).toBe('yes')
  })

  it('of a closed client is not repeated', async () => {
    const { environment } = fakeTime()
    const call = () => Promise.reject(new XmtpError('client.node.unavailable', 'No.'))
    const signal = AbortSignal.abort()
    await expect(retrying(call, { environment, signal })).rejects.toThrow()
  })
})
