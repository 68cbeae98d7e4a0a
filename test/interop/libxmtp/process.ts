// Requests over a wire, and the objects that answers leave with the host.
import type { Wire, ClientProcess } from './driver.ts'
import { createStream, type Stream } from './stream.ts'
import { fromJson, toJson, type Tagged } from './values.ts'

type Reference = { readonly handle: number; readonly id?: string; readonly kind?: 'dm' | 'group' }

/** An object of the SDK, where it is. */
export class Remote {
  readonly #of: Requests
  readonly handle: number
  /** Of a conversation. */
  readonly id: string | undefined
  readonly kind: 'dm' | 'group' | undefined
  constructor(of: Requests, is: Reference) {
    this.#of = of
    this.handle = is.handle
    this.id = is.id
    this.kind = is.kind
  }

  /** Reads a property or calls a method. */
  call(path: string, ...args: readonly unknown[]): Promise<any> {
    return this.#of.call(this.handle, path, args)
  }

  stream<T>(path: string, read: (value: any) => T, options: object = {}): Promise<Stream<T>> {
    return this.#of.stream(this.handle, path, read, options)
  }
}

export type Requests = {
  readonly root: Remote
  call(handle: number, path: string, args: readonly unknown[], stream?: number): Promise<any>
  stream<T>(
    handle: number,
    path: string,
    read: (value: any) => T,
    options: object,
  ): Promise<Stream<T>>
  close(): Promise<void>
}

export function createRequests(wire: Wire): Requests {
  type Waiting = { resolve(value: unknown): void; reject(error: Error): void }
  const waiting = new Map<number, Waiting>()
  const listeners = new Map<number, (event: string, value: any) => void>()
  let count = 0
  let gone = false

  const keep = (object: object): Tagged | undefined =>
    object instanceof Remote ? { $: 'object', is: { handle: object.handle } } : undefined
  const revive = ({ $: tag, is }: Tagged) => {
    if (tag !== 'object') throw new TypeError(`A host sent a ${tag}.`)
    return new Remote(requests, is as Reference)
  }

  wire.onAnswer((answer) => {
    if (answer === undefined) {
      gone = true
      for (const { reject } of waiting.values())
        reject(new Error(`The client is gone. ${wire.complaints()}`))
      waiting.clear()
      return
    }
    if ('stream' in answer)
      return listeners.get(answer.stream)?.(answer.event, fromJson(answer.value, revive))
    const { resolve, reject } = waiting.get(answer.id)!
    waiting.delete(answer.id)
    if ('error' in answer) reject(new Error(answer.error))
    else resolve(fromJson(answer.value, revive))
  })

  const requests: Requests = {
    root: undefined!,
    async call(on, path, args, stream) {
      if (gone) throw new Error(`The client is gone. ${wire.complaints()}`)
      const id = (count += 1)
      const answer = new Promise<unknown>((resolve, reject) => waiting.set(id, { resolve, reject }))
      const json = args.map((arg) => toJson(arg, keep))
      wire.send({
        id,
        on,
        path: path.split('.'),
        args: json,
        ...(stream !== undefined && { stream }),
      })
      return answer
    },
    async stream(handle, path, read, options) {
      const id = (count += 1)
      const opened = createStream<any>(() => proxy.call('end'))
      listeners.set(id, (event, value) => {
        if (event === 'onValue') opened.values.push(read(value))
        else opened.events.push(event === 'onError' ? String(value) : event)
      })
      const proxy: Remote = await requests.call(handle, path, [options], id)
      return opened.stream
    },
    close: () => wire.close(),
  }
  return Object.assign(requests, { root: new Remote(requests, { handle: 0 }) })
}

/** Ends with the tests that started it. */
export function createProcess(
  sdk: ClientProcess['sdk'],
  requests: Requests,
  newClient: ClientProcess['newClient'],
): ClientProcess {
  return {
    sdk,
    newClient,
    kill: () => requests.close(),
    call: (path, ...args) => requests.root.call(path, ...args),
    [Symbol.asyncDispose]: () => requests.close(),
  }
}
