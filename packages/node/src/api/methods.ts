import { XmtpError } from '@xmtp-ts/protocol'
import type { Logger } from '../logger.ts'
import type { Metrics } from '../metrics.ts'
import type { Readiness } from '../readiness.ts'
import { batchQueryMethod } from './batch-query.ts'
import { healthCheckMethod, healthWatchMethod } from './health.ts'
import { namesOf, type Call, type Method, type MethodTable, type OpenStream } from './method.ts'
import { publishMethod } from './publish.ts'
import { queryMethod } from './query.ts'
import type { Services } from './services.ts'
import { grpcCode, isUnexpected, statusOf } from './status.ts'
import { subscribeAllMethod } from './subscribe-all.ts'
import { subscribe2Method } from './subscribe2.ts'
import { subscribeMethod } from './subscribe.ts'

/** Every method that the node offers, observed: counted, timed, and unexpected errors logged. */
export function createMethods(
  services: Services & { readonly readiness: Readiness; readonly logger: Logger },
): MethodTable {
  const ofMessageApi: readonly Method[] = [
    publishMethod(services),
    queryMethod(services),
    batchQueryMethod(services),
    subscribeMethod(services),
    subscribe2Method(services),
    subscribeAllMethod(services),
  ]
  const names = new Set(ofMessageApi.map(({ path }) => namesOf(path).service))
  const methods: readonly Method[] = [
    ...ofMessageApi,
    healthCheckMethod(services.readiness, names),
    healthWatchMethod(services.readiness, names),
  ]
  return new Map(methods.map((method) => [method.path, observed(method, services)]))
}

type Observers = { readonly metrics: Metrics; readonly logger: Logger }

function observed(method: Method, observers: Observers): Method {
  const { path } = method
  const start = (call: Call): Finish => begin(method, call, observers)
  switch (method.kind) {
    case 'unary':
      return {
        path,
        kind: method.kind,
        handle: (request, call) => observedCall(start(call), method.handle(request, call)),
      }
    case 'serverStream':
      return {
        path,
        kind: method.kind,
        open: (request, call) => observedStream(start(call), method.open(request, call)),
      }
    case 'bidi':
      return {
        path,
        kind: method.kind,
        open: (requests, call) => observedStream(start(call), method.open(requests, call)),
      }
    default:
      return method satisfies never
  }
}

type Finish = (error?: unknown) => void

function begin({ path, kind }: Method, { headers }: Call, observers: Observers): Finish {
  const startedMs = performance.now()
  return (error) => {
    const code = error === undefined ? grpcCode.ok : statusOf(error).code
    const durationMs = performance.now() - startedMs
    observers.metrics.called({ ...namesOf(path), kind, code: String(code), durationMs, headers })
    if (error === undefined) return
    // The store's failures are answered as unavailable, but the operator must see the cause.
    const isOfStore = error instanceof XmtpError && error.code === 'node.store.unavailable'
    if (isUnexpected(error) || isOfStore) observers.logger.error('api.failed', { path, error })
  }
}

async function observedCall(finish: Finish, answer: Promise<Uint8Array>): Promise<Uint8Array> {
  try {
    const response = await answer
    finish()
    return response
  } catch (error) {
    finish(error)
    throw error
  }
}

async function observedStream(finish: Finish, opening: Promise<OpenStream>): Promise<OpenStream> {
  try {
    const stream = await opening
    return { ...stream, batches: observedBatches(finish, stream.batches) }
  } catch (error) {
    finish(error)
    throw error
  }
}

async function* observedBatches(
  finish: Finish,
  batches: OpenStream['batches'],
): AsyncGenerator<readonly Uint8Array[], void, undefined> {
  let failure: unknown
  try {
    yield* batches
  } catch (error) {
    failure = error
    throw error
  } finally {
    finish(failure)
  }
}
