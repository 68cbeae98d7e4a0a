import { createServer, type IncomingMessage } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { createBodyReader } from './body.ts'

const open: (() => void)[] = []
afterEach(() => {
  for (const close of open.splice(0)) close()
})

/** A request whose body is still coming. */
async function request(
  sent: string,
): Promise<{ request: IncomingMessage; more: (bytes: string) => void; cut: () => void }> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.on('error', () => {})
  open.push(() => {
    socket.destroy()
    server.close()
  })
  socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n${sent}`)
  const incoming = await new Promise<IncomingMessage>((resolve) => server.once('request', resolve))
  incoming.on('error', () => {})
  return {
    request: incoming,
    more: (bytes) => void socket.write(bytes),
    cut: () => void socket.resetAndDestroy(),
  }
}

it('reads a body that comes in pieces', async () => {
  const { request: incoming, more } = await request('0123456789')
  const body = createBodyReader().read(incoming, 20)
  more('0123456789')
  expect((await body).toString()).toBe('01234567890123456789')
})

it('gives up on a body that never ends', async () => {
  const { request: incoming } = await request('01234')
  await expect(createBodyReader({ maxMs: 20 }).read(incoming, 20)).rejects.toMatchObject({
    code: 'node.request.tooSlow',
  })
})

it('gives up on a body that breaks off', async () => {
  const { request: incoming, cut } = await request('01234')
  const body = createBodyReader().read(incoming, 20)
  cut()
  await expect(body).rejects.toMatchObject({ code: 'node.request.malformed' })
})

it('refuses more than one body, or all of them together, may have', async () => {
  const first = await request('0123456789')
  await expect(createBodyReader().read(first.request, 9)).rejects.toMatchObject({
    code: 'node.request.tooLong',
  })
  const bodies = createBodyReader({ maxBufferedBytes: 15 })
  const [second, third] = [await request('0123456789'), await request('0123456789')]
  const one = bodies.read(second.request, 20)
  await new Promise((resolve) => second.request.once('data', resolve))
  await expect(bodies.read(third.request, 20)).rejects.toMatchObject({ code: 'node.overloaded' })
  second.more('0123456789')
  // What was given up on no longer counts.
  await expect(one).rejects.toMatchObject({ code: 'node.overloaded' })
  const fourth = await request('01234')
  const last = bodies.read(fourth.request, 20)
  fourth.cut()
  await expect(last).rejects.toMatchObject({ code: 'node.request.malformed' })
})
