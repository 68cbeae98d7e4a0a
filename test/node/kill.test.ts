import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, describe, expect, it } from 'vitest'
import { postJson } from './support.ts'

const script = join(import.meta.dirname, 'node-process.mjs')
const isBuilt = existsSync(join(import.meta.dirname, '../../packages/node/dist/index.js'))
const folder = mkdtempSync(join(tmpdir(), 'xmtp-ts-kill-'))
const children = new Set<ChildProcess>()
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

const kills = 20
const writers = 8
const perCall = 3

/** A node in a process of its own, from the build. */
async function startProcess(): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [script, join(folder, 'node.db')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.add(child)
  const lines = createInterface(child.stdout)
  const [url] = (await once(lines, 'line')) as [string]
  return { child, url }
}

/** Publishes until the node is gone. @returns the times that were acknowledged, and those that were tried */
async function publishUntilDead(
  url: string,
  writer: string,
  acknowledged: Set<string>,
  tried: Map<string, string[]>,
): Promise<void> {
  for (let call = 0; ; call += 1) {
    const times = Array.from(
      { length: perCall },
      (_, index) => `${writer}${String(call * perCall + index).padStart(6, '0')}`,
    )
    tried.set(times[0]!, times)
    const envelopes = times.map((timestampNs) => ({
      contentTopic: `/xmtp/0/m-${writer}/proto`,
      timestampNs,
      message: 'AAAA',
    }))
    try {
      const response = await postJson(url, '/message/v1/publish', { envelopes })
      await response.json()
      if (response.status !== 200) return
      for (const time of times) acknowledged.add(time)
    } catch {
      return
    }
  }
}

async function storedTimes(url: string, contentTopic: string): Promise<Set<string>> {
  const stored = new Set<string>()
  let cursor: unknown = null
  do {
    const body = { contentTopics: [contentTopic], pagingInfo: { limit: 100, cursor, direction: 1 } }
    const page = await (await postJson(url, '/message/v1/query', body)).json()
    for (const { timestampNs } of page.envelopes) stored.add(timestampNs)
    cursor = page.pagingInfo.cursor
  } while (cursor !== null)
  return stored
}

describe.skipIf(!isBuilt)('kill -9 under load', () => {
  it(
    `${kills} times: what was acknowledged is there after the restart, and calls are whole (B9)`,
    { timeout: 120_000 },
    async () => {
      let { child, url } = await startProcess()
      let total = 0
      for (let kill = 0; kill < kills; kill += 1) {
        const acknowledged = new Set<string>()
        const tried = new Map<string, string[]>()
        const names = Array.from({ length: writers }, (_, index) => `${kill + 1}${index}`)
        const writing = names.map((writer) => publishUntilDead(url, writer, acknowledged, tried))
        // Killed in the middle of the load, each time at another moment: after so many acknowledgements.
        while (acknowledged.size < 30 + kill * 7)
          await new Promise((resolve) => setTimeout(resolve, 1))
        const exited = once(child, 'exit')
        child.kill('SIGKILL')
        await Promise.all([exited, ...writing])
        children.delete(child)
        ;({ child, url } = await startProcess())
        const stored = new Set<string>()
        for (const writer of names)
          for (const time of await storedTimes(url, `/xmtp/0/m-${writer}/proto`)) stored.add(time)
        expect([...acknowledged].filter((time) => !stored.has(time))).toEqual([])
        for (const times of tried.values())
          expect([0, perCall]).toContain(times.filter((time) => stored.has(time)).length)
        total += acknowledged.size
      }
      expect(total).toBeGreaterThan(kills * 30)
    },
  )
})
