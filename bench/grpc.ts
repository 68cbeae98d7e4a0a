import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import net from 'node:net'

/** An encoded message behind the five bytes of gRPC. */
export function frame(message: Uint8Array): Buffer {
  const header = Buffer.alloc(5)
  header.writeUInt32BE(message.length, 1)
  return Buffer.concat([header, message])
}

/** A connection of its own, without Nagle's delay. */
export async function connect(url: string): Promise<ClientHttp2Session> {
  const { hostname, port } = new URL(url)
  const session = http2.connect(url, {
    createConnection: () => net.connect({ host: hostname, port: Number(port), noDelay: true }),
  })
  await new Promise((resolve) => session.once('connect', resolve))
  return session
}

function request(session: ClientHttp2Session, path: string): ClientHttp2Stream {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
  })
  stream.on('error', () => undefined)
  return stream
}

/** A unary call; its answer is thrown away. Rejects for every status but OK. */
export function call(
  session: ClientHttp2Session,
  path: string,
  message: Uint8Array,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = request(session, path)
    let status: unknown
    let text: unknown
    const read = (headers: http2.IncomingHttpHeaders): void => {
      status ??= headers['grpc-status']
      text ??= headers['grpc-message']
    }
    stream.on('response', read)
    stream.on('trailers', read)
    stream.on('close', () =>
      status === '0' ? resolve() : reject(new Error(`${path}: ${String(status)} ${String(text)}`)),
    )
    stream.resume()
    stream.end(frame(message))
  })
}

/**
 * Opens a stream and resolves when its headers are there.
 * @param isOpen leaves our half open, for methods with two directions
 */
export function openStream(
  session: ClientHttp2Session,
  path: string,
  options: { readonly message: Uint8Array; readonly isOpen?: boolean },
): Promise<ClientHttp2Stream> {
  const stream = request(session, path)
  if (options.isOpen === true) stream.write(frame(options.message))
  else stream.end(frame(options.message))
  return new Promise((resolve, reject) => {
    stream.once('response', () => resolve(stream))
    stream.once('close', () => reject(new Error('The stream did not open.')))
  })
}

/** Calls back for every message of a stream. */
export function onMessages(stream: ClientHttp2Stream, each: (message: Uint8Array) => void): void {
  let chunks: Buffer[] = []
  let bytes = 0
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes < 5) return
    let buffered = chunks.length === 1 ? chunk : Buffer.concat(chunks)
    while (buffered.length >= 5) {
      const length = buffered.readUInt32BE(1)
      if (buffered.length < 5 + length) break
      each(buffered.subarray(5, 5 + length))
      buffered = buffered.subarray(5 + length)
    }
    chunks = [buffered]
    bytes = buffered.length
  })
}
