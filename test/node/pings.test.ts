import { PublishIdentityUpdateRequest } from '@xmtp-ts/proto/identity/api/v1/identity'
import { IdentityUpdate } from '@xmtp-ts/proto/identity/associations/association'
import { v3 } from '@xmtp-ts/protocol'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, it } from 'vitest'
import { compose } from '../vectors/v3/actors.ts'
import { testWallet } from '../vectors/v3/vectors.ts'
import { isBuilt } from '../support/process.ts'
import { closeAfterEach, grpcClient, later } from './support.ts'

closeAfterEach()

const script = join(import.meta.dirname, 'node-process.mjs')

/** How long libxmtp 1.10 waits for the answer to a ping before it drops the connection. */
const patienceMs = 10_000

/** The creation of an inbox with as many actions as there may be, each with a signature of its own to check. */
function largeUpdate(number: number): Uint8Array {
  const secret = (name: string) => createHash('sha256').update(`${number} ${name}`).digest()
  const owner = testWallet(secret('owner'))
  const inboxId = v3.deriveInboxId(owner.identifier, 1n)
  const others = Array.from({ length: 9 }, (_, index) => testWallet(secret(`${index}`)))
  const steps = [
    { kind: 'createInbox' as const, identifier: owner.identifier, nonce: 1n, by: [owner] },
    ...others.map((other) => ({
      kind: 'add' as const,
      member: other.identifier,
      by: [owner, other],
    })),
  ]
  const update = compose({ inboxId, clientTimestampNs: 1_000_000_000n, steps })
  const identityUpdate = IdentityUpdate.decode(v3.encodeIdentityUpdate(update))
  return PublishIdentityUpdateRequest.encode({ identityUpdate }).finish()
}

describe.skipIf(!isBuilt)('an idle connection', () => {
  it('B19: has its pings answered while 200 identity updates are verified', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'xmtp-ts-pings-'))
    later(() => rmSync(folder, { recursive: true }))
    const child = spawn(process.execPath, [script, join(folder, 'node.db')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    later(async () => {
      child.kill('SIGKILL')
      await once(child, 'exit')
    })
    const [url] = (await once(createInterface(child.stdout), 'line')) as [string]
    const requests = Array.from({ length: 200 }, (_, number) => largeUpdate(number))
    const idle = connect(url)
    later(() => idle.destroy())
    await once(idle, 'connect')
    const client = grpcClient({ port: Number(new URL(url).port) })
    let isDone = false
    const publishing = Promise.all(
      requests.map((request) =>
        client.unary('/xmtp.identity.api.v1.IdentityApi/PublishIdentityUpdate', request),
      ),
    ).finally(() => {
      isDone = true
    })
    let pings = 0
    let longestMs = 0
    while (!isDone) {
      const durationMs = await new Promise<number>((resolve, reject) => {
        idle.ping((error, duration) => (error === null ? resolve(duration) : reject(error)))
      })
      pings += 1
      longestMs = Math.max(longestMs, durationMs)
    }
    expect(await publishing).toHaveLength(200)
    expect(pings).toBeGreaterThan(3)
    expect(longestMs).toBeLessThan(patienceMs / 2)
    expect(idle.closed).toBe(false)
  }, 60_000)
})
