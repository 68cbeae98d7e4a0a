import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { inPieces } from '../../../test/pieces.ts'
import { downloadArchive, uploadArchive } from './history.ts'
import { checkHistoryUrl } from './history-url.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections()
})

/** A history service that may do anything. */
async function service(answer: RequestListener): Promise<string> {
  const server = createServer(answer)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a server on a port has one
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const core = { signal: new AbortController().signal }

async function download(url: string): Promise<number> {
  let count = 0
  await downloadArchive(core, { url, trusted: undefined }, async (pieces) => {
    for await (const piece of pieces) count += piece.length
  })
  return count
}

const upload = (url: string) =>
  uploadArchive(core, { url, trusted: undefined }, inPieces(new Uint8Array(5_000)))

describe('a history service', () => {
  it('takes an archive, and gives it back', async () => {
    const bodies = new Map<string, Buffer>()
    const url = await service((request, response) => {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => {
        if (request.method === 'POST') bodies.set('/files/name', Buffer.concat(parts))
        response.end(request.method === 'POST' ? 'name' : bodies.get(request.url ?? ''))
      })
    })
    expect(await upload(`${url}/`)).toBe(`${url}/files/name`)
    expect(await download(`${url}/files/name`)).toBe(5_000)
  })

  it.each([
    [404, 'client.history.refused'],
    [413, 'client.history.refused'],
    [429, 'client.history.unavailable'],
    [503, 'client.history.unavailable'],
    [302, 'client.network.unreachable'],
  ])('that answers with %s gives %s', async (status, code) => {
    let asked = 0
    const url = await service((_, response) => {
      asked += 1
      response.writeHead(status, { Location: '/elsewhere' }).end()
    })
    await expect(upload(url)).rejects.toMatchObject({ code })
    await expect(download(url)).rejects.toMatchObject({ code })
    // Nobody was led anywhere.
    expect(asked).toBe(2)
  })

  it.each(['', '../etc', 'a b', 'x'.repeat(201)])(
    'that names an archive %j is refused',
    async (name) => {
      const url = await service((_, response) => response.end(name))
      await expect(upload(url)).rejects.toMatchObject({ code: 'client.history.refused' })
    },
  )

  it('that goes on and on is left', async () => {
    const megabyte = Buffer.alloc(1_048_576)
    const url = await service((_, response) => {
      const more = () => {
        while (!response.destroyed && response.write(megabyte)) continue
      }
      response.on('drain', more)
      more()
    })
    await expect(download(url)).rejects.toMatchObject({ code: 'client.archive.tooLarge' })
    await expect(upload(url)).rejects.toMatchObject({ code: 'client.archive.tooLarge' })
  })

  it('that breaks off may be asked again', async () => {
    const url = await service((_, response) => {
      response.writeHead(200, { 'Content-Length': 100 })
      response.write('a part', () => response.destroy())
    })
    await expect(download(url)).rejects.toMatchObject({
      code: 'client.network.unreachable',
      retry: true,
    })
  })
})

describe('URLs of archives', () => {
  it.each([
    ['https://history.example.org/files/x', undefined],
    ['http://127.0.0.1:5558/files/x', undefined],
    ['http://localhost/files/x', undefined],
    ['http://[::1]:1/files/x', undefined],
    ['http://history.lan:5558/files/x', 'http://history.lan:5558'],
  ])('are %s, with %s named', (url, trusted) => {
    expect(checkHistoryUrl(url, trusted)).toBe(url)
  })

  it.each([
    ['http://history.lan:5558/files/x', undefined],
    ['http://history.lan:5559/files/x', 'http://history.lan:5558'],
    ['http://history.lan/files/x', 'https://history.lan'],
    ['http://127.0.0.1.example.org/x', undefined],
    ['https://user:secret@example.org/x', undefined],
    ['file:///etc/passwd', undefined],
    ['data:text/plain,x', undefined],
    ['x', undefined],
    [`https://example.org/${'x'.repeat(3_000)}`, undefined],
  ])('are not %s, with %s named', (url, trusted) => {
    expect(() => checkHistoryUrl(url, trusted)).toThrow(/client\.history\.badUrl/)
  })
})
