import { v3, type XmtpError } from '@xmtp-ts/protocol'
import { existsSync } from 'node:fs'
import { expect, it } from 'vitest'
import { silentLogger } from '../logger.ts'
import { createInThreadVerifier } from './identity-verifier.ts'
import { createWorkerPool } from './worker-pool.ts'

// A worker loads compiled files only.
const program = new URL('../../dist/verify/worker.js', import.meta.url)
const isCompiled = existsSync(program)

const key = new Uint8Array(32).fill(7)
const other = new Uint8Array(32).fill(8)

/** An update with one installation signature, which holds or does not; its log would allow neither. */
function update(signer: Uint8Array): v3.IdentityUpdate {
  const inboxId = 'ab'.repeat(32)
  const member = v3.installationIdentifier(v3.installationKey(key))
  const unsigned = {
    inboxId,
    clientTimestampNs: 1n,
    actions: [{ kind: 'revoke', member }] as const,
  }
  const signature = {
    kind: 'installation' as const,
    publicKey: v3.installationKey(key),
    bytes: v3.signAsInstallation(signer, v3.identityUpdateText(unsigned)).bytes,
  }
  return { inboxId, clientTimestampNs: 1n, actions: [{ kind: 'revoke', member, signature }] }
}

it.skipIf(!isCompiled)('says what the same thread would say, with the same errors', async () => {
  await using pool = createWorkerPool(program, silentLogger)
  const here = createInThreadVerifier()
  expect(await pool.verify(update(key), new Map())).toEqual(
    await here.verify(update(key), new Map()),
  )
  const errorFrom = (verifier: Pick<typeof pool, 'verify'>) =>
    verifier.verify(update(other), new Map()).catch((error: XmtpError) => error)
  const [there, expected] = [await errorFrom(pool), await errorFrom(here)]
  expect(expected).toMatchObject({ code: 'v3.identity.signature.invalid' })
  expect(there).toMatchObject({ code: (expected as XmtpError).code })
  expect((there as XmtpError).message).toBe((expected as XmtpError).message)
})

it.skipIf(!isCompiled)(
  'B19: leaves the event loop free while 200 updates are verified',
  async () => {
    await using pool = createWorkerPool(program, silentLogger)
    // Signing costs as much as verifying, and is not what this is about.
    const signed = update(key)
    await pool.verify(signed, new Map())
    const here = createInThreadVerifier()
    const startedMs = performance.now()
    for (let index = 0; index < 200; index += 1) void here.verify(signed, new Map())
    const onThisThreadMs = performance.now() - startedMs
    let longestMs = 0
    let lastMs = performance.now()
    const timer = setInterval(() => {
      longestMs = Math.max(longestMs, performance.now() - lastMs)
      lastMs = performance.now()
    }, 1)
    const all = Array.from({ length: 200 }, () => pool.verify(signed, new Map()))
    expect(await Promise.all(all)).toHaveLength(200)
    clearInterval(timer)
    expect(longestMs).toBeLessThan(onThisThreadMs / 2)
  },
)

it('fails those who wait when the thread ends, and does not hang', async () => {
  const pool = createWorkerPool(new URL('data:text/javascript,process.exit()'), silentLogger)
  await expect(pool.verify(update(key), new Map())).rejects.toMatchObject({
    code: 'node.overloaded',
  })
  await pool[Symbol.asyncDispose]()
  await expect(pool.verify(update(key), new Map())).rejects.toMatchObject({ code: 'node.closing' })
})
