import { describe, it } from 'vitest'

const told = new Set<string>()

/** `describe` where the published clients run. Elsewhere what it holds is skipped, and the run says why, once a file. */
export function describeUnless(problem: string | undefined): ReturnType<typeof describe.skipIf> {
  if (problem !== undefined && !told.has(problem)) it.skip(problem, () => undefined)
  if (problem !== undefined) told.add(problem)
  return describe.skipIf(problem !== undefined)
}
