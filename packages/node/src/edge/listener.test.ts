import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { maxSilentConnectionMs } from '../limits.ts'
import { listen, type Listener } from './listener.ts'

let listener: Listener
let socket: Socket
const handed: string[] = []

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  handed.length = 0
  const take = (name: string) => (connection: Socket) => {
    handed.push(name)
    connection.on('data', (bytes) => handed.push(bytes.toString()))
  }
  listener = await listen(
    { host: '127.0.0.1', port: 0 },
    { http1: take('http1'), http2: take('http2') },
  )
  socket = connect(Number(new URL(listener.url).port), '127.0.0.1')
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('connect', resolve))
})

afterEach(async () => {
  vi.useRealTimers()
  socket.destroy()
  listener.destroy()
  await listener.stop()
})

it.each([
  ['PRI * HTTP/2.0', 'http2'],
  ['POST / HTTP/1.1', 'http1'],
  ['PRx', 'http1'],
])('hands %s to %s with nothing lost', async (bytes, protocol) => {
  for (const byte of bytes) {
    socket.write(byte)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await vi.waitFor(() => expect(handed.slice(1).join('')).toBe(bytes))
  expect(handed[0]).toBe(protocol)
})

it('closes a connection that does not say what it speaks', async () => {
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.on('data', () => {})
  socket.write('PR')
  await new Promise((resolve) => setImmediate(resolve))
  await vi.waitFor(() => expect(vi.getTimerCount()).toBeGreaterThan(0))
  vi.advanceTimersByTime(maxSilentConnectionMs)
  await closed
  expect(handed).toEqual([])
})
