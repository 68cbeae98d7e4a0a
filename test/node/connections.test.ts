import { connect } from 'node:http2'
import { expect, it } from 'vitest'
import { closeAfterEach, later, rawConnection, startNode } from './support.ts'

closeAfterEach()

const ping = { everyMs: 50, answerMs: 100 }
/** What a client says first (RFC 9113 §3.4): the preface, and settings without any. */
const greeting = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
])
/** The type of PING frames, in the fourth byte of their header. */
const pingFrame = 6

it('an idle connection is asked whether it is alive, and stays while it answers', async () => {
  const node = await startNode({ connectionPing: ping })
  const session = connect(node.url)
  later(() => session.destroy())
  let pings = 0
  await new Promise<void>((resolve) =>
    session.on('ping', () => {
      pings += 1
      if (pings === 5) resolve()
    }),
  )
  expect(session.closed).toBe(false)
})

it('a connection that does not answer is closed', async () => {
  const node = await startNode({ connectionPing: ping })
  const { socket, closed } = rawConnection(node)
  socket.write(greeting)
  const frames = Buffer.from(await closed, 'latin1')
  const types: number[] = []
  for (let at = 0; at + 9 <= frames.length; at += 9 + frames.readUIntBE(at, 3))
    types.push(frames[at + 3]!)
  expect(types).toContain(pingFrame)
})
