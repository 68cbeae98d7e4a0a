import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { native } from './native.ts'
import { runSeed } from './random/run.ts'
import { describeUnless } from './describe-unless.ts'

// More seeds, others, longer ones: XMTP_SEEDS, XMTP_FIRST_SEED, XMTP_OPERATIONS.
const seeds = Number(process.env['XMTP_SEEDS'] ?? 2)
const operations = Number(process.env['XMTP_OPERATIONS'] ?? 40)
const firstSeed = Number(process.env['XMTP_FIRST_SEED'] ?? 1)

describeUnless(native.problem)('random runs with libxmtp', () => {
  for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1)
    it(`seed ${seed}: everybody ends in the same place`, async () => {
      const folder = await mkdtemp(join(tmpdir(), `xmtp-ts-seed-${seed}-`))
      const { faults, log } = await runSeed(seed, operations, folder)
      // The stores of a run that failed stay there, to be looked into.
      expect(faults, `Seed ${seed}, stores in ${folder}\n${log.join('\n')}\n`).toEqual([])
      await rm(folder, { recursive: true })
    }, 600_000)
})
