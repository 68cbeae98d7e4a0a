import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, describe, expect, it } from 'vitest'
import { isBuilt } from '../support/process.ts'
import { postJson } from './support.ts'

const script = join(import.meta.dirname, 'node-process.mjs')
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

/** Sends group messages until the node is gone, a call at a time. @returns the texts that were acknowledged or tried */
async function sendUntilDead(
  url: string,
  writer: number,
  acknowledged: Set<string>,
  tried: string[][],
): Promise<void> {
  for (let call = 0; ; call += 1) {
    const texts = Array.from({ length: perCall }, (_, index) => `${writer} ${call} ${index}`)
    tried.push(texts)
    const messages = texts.map((text) => ({
      v1: { data: groupMessage(writer, text).toString('base64') },
    }))
    try {
      const response = await postJson(url, '/mls/v1/send-group-messages', { messages })
      await response.json()
      if (response.status !== 200) return
      for (const text of texts) acknowledged.add(text)
    } catch {
      return
    }
  }
}

const groupOf = (writer: number) => Buffer.alloc(16, writer)

/** A PrivateMessage by hand (RFC 9420 §6.3), with the text as its ciphertext. */
function groupMessage(writer: number, text: string): Buffer {
  const vector = (bytes: Buffer) => Buffer.concat([Buffer.of(bytes.length), bytes])
  return Buffer.concat([
    Buffer.from('00010002', 'hex'),
    vector(groupOf(writer)),
    Buffer.alloc(8),
    Buffer.of(1, 0, 0),
    vector(Buffer.from(text)),
  ])
}

/** The texts of a group, with their ids, from the oldest on. */
async function storedTexts(url: string, writer: number): Promise<{ id: bigint; text: string }[]> {
  const stored: { id: bigint; text: string }[] = []
  let idCursor = '0'
  do {
    const pagingInfo = { direction: 1, limit: 100, idCursor }
    const body = { groupId: groupOf(writer).toString('base64'), pagingInfo }
    const page = await (await postJson(url, '/mls/v1/query-group-messages', body)).json()
    for (const { v1 } of page.messages) {
      const data = Buffer.from(v1.data, 'base64')
      stored.push({ id: BigInt(v1.id), text: data.subarray(33).toString() })
    }
    idCursor = page.pagingInfo.idCursor
  } while (idCursor !== '0')
  return stored
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
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
      children.delete(child)
    },
  )

  it(
    'V3: what was acknowledged is there once, calls are whole, ids go on growing (B9)',
    { timeout: 120_000 },
    async () => {
      let { child, url } = await startProcess()
      let newest = 0n
      for (let kill = 0; kill < 8; kill += 1) {
        const acknowledged = new Set<string>()
        const tried: string[][] = []
        const names = Array.from({ length: writers }, (_, index) => kill * writers + index)
        const writing = names.map((writer) => sendUntilDead(url, writer, acknowledged, tried))
        while (acknowledged.size < 30 + kill * 11)
          await new Promise((resolve) => setTimeout(resolve, 1))
        const exited = once(child, 'exit')
        child.kill('SIGKILL')
        await Promise.all([exited, ...writing])
        children.delete(child)
        ;({ child, url } = await startProcess())
        const ids: bigint[] = []
        const counts = new Map<string, number>()
        for (const writer of names)
          for (const { id, text } of await storedTexts(url, writer)) {
            ids.push(id)
            counts.set(text, (counts.get(text) ?? 0) + 1)
          }
        expect([...acknowledged].filter((text) => counts.get(text) !== 1)).toEqual([])
        for (const texts of tried)
          expect([0, perCall]).toContain(texts.filter((text) => counts.has(text)).length)
        expect(ids.every((id) => id > newest)).toBe(true)
        for (const id of ids) if (id > newest) newest = id
      }
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
      children.delete(child)
    },
  )
})
