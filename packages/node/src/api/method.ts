import type { Client } from '../limit/client.ts'

/** What a handler knows of its caller, whatever the protocol. */
export type Call = {
  readonly client: Client
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
}

/** The answer of a streaming method. The headers go out at once; each batch is what is there at one time. */
export type OpenStream = {
  readonly headers: Readonly<Record<string, string>>
  readonly batches: AsyncIterable<readonly Uint8Array[]>
  /** The caller has left: `batches` ends soon, also when it is waiting. */
  readonly close: () => void
}

/** A method over encoded messages. No type of a transport crosses this line. */
export type Method = { readonly path: string } & (
  | {
      readonly kind: 'unary'
      readonly handle: (request: Uint8Array, call: Call) => Promise<Uint8Array>
    }
  | {
      readonly kind: 'serverStream'
      readonly open: (request: Uint8Array, call: Call) => Promise<OpenStream>
    }
  | {
      readonly kind: 'bidi'
      readonly open: (requests: AsyncIterable<Uint8Array>, call: Call) => Promise<OpenStream>
    }
)

export type UnaryMethod = Extract<Method, { kind: 'unary' }>
export type ServerStreamMethod = Extract<Method, { kind: 'serverStream' }>
export type BidiMethod = Extract<Method, { kind: 'bidi' }>

/** All methods by path, `/package.Service/Method`. */
export type MethodTable = ReadonlyMap<string, Method>

/** The service and the method in a path. */
export function namesOf(path: string): { readonly service: string; readonly method: string } {
  const [, service = '', method = ''] = path.split('/')
  return { service, method }
}
