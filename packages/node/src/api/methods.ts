import { XmtpError } from '@xmtp-ts/protocol'
import { checkVersion, type Version } from '../auth/version-gate.ts'
import type { Logger } from '../logger.ts'
import type { MethodMetrics, Metrics } from '../metrics.ts'
import type { Readiness } from '../readiness.ts'
import { batchQueryMethod } from './batch-query.ts'
import { healthCheckMethod, healthWatchMethod } from './health.ts'
import { getIdentityUpdatesMethod } from './identity/get-identity-updates.ts'
import { getInboxIdsMethod } from './identity/get-inbox-ids.ts'
import { publishIdentityUpdateMethod } from './identity/publish-identity-update.ts'
import { verifyContractSignaturesMethod } from './identity/verify-contract-signatures.ts'
import { namesOf, type Call, type Method, type MethodTable, type OpenStream } from './method.ts'
import { batchPublishCommitLogMethod } from './mls/batch-publish-commit-log.ts'
import { batchQueryCommitLogMethod } from './mls/batch-query-commit-log.ts'
import { fetchKeyPackagesMethod } from './mls/fetch-key-packages.ts'
import { getNewestGroupMessageMethod } from './mls/get-newest-group-message.ts'
import { queryGroupMessagesMethod } from './mls/query-group-messages.ts'
import { queryWelcomeMessagesMethod } from './mls/query-welcome-messages.ts'
import { sendGroupMessagesMethod } from './mls/send-group-messages.ts'
import { sendWelcomeMessagesMethod } from './mls/send-welcome-messages.ts'
import { subscribeTopicsMethod } from './mls/subscribe.ts'
import {
  subscribeGroupMessagesMethod,
  subscribeWelcomeMessagesMethod,
} from './mls/subscribe-messages.ts'
import { registerInstallationMethod, uploadKeyPackageMethod } from './mls/upload-key-package.ts'
import { publishMethod } from './publish.ts'
import { queryMethod } from './query.ts'
import type { Services } from './services.ts'
import { grpcCode, isUnexpected, statusOf } from './status.ts'
import { subscribeAllMethod } from './subscribe-all.ts'
import { subscribe2Method } from './subscribe2.ts'
import { subscribeMethod } from './subscribe.ts'
import type { V3Services } from './v3-services.ts'

/** Every method that the node offers, observed: counted, timed, and unexpected errors logged. */
export function createMethods(
  services: Services & {
    readonly readiness: Readiness
    readonly logger: Logger
    /** Undefined: the node has no store for V3, and does not offer its services. */
    readonly v3: V3Services | undefined
    /** Whom to turn away. */
    readonly minLibxmtp: Version | undefined
  },
): MethodTable {
  const ofMessageApi: readonly Method[] = [
    publishMethod(services),
    queryMethod(services),
    batchQueryMethod(services),
    subscribeMethod(services),
    subscribe2Method(services),
    subscribeAllMethod(services, services.v3),
  ]
  const ofNetwork = [...ofMessageApi, ...(services.v3 === undefined ? [] : v3Methods(services.v3))]
  const names = new Set(ofNetwork.map(({ path }) => namesOf(path).service))
  const methods: readonly Method[] = [
    ...ofNetwork,
    healthCheckMethod(services.readiness, names),
    healthWatchMethod(services.readiness, names),
  ]
  return new Map(methods.map((method) => [method.path, observed(method, services)]))
}

function v3Methods(services: V3Services): readonly Method[] {
  return [
    publishIdentityUpdateMethod(services),
    getIdentityUpdatesMethod(services),
    getInboxIdsMethod(services),
    verifyContractSignaturesMethod(services),
    uploadKeyPackageMethod(services),
    registerInstallationMethod(services),
    fetchKeyPackagesMethod(services),
    sendGroupMessagesMethod(services),
    sendWelcomeMessagesMethod(services),
    queryGroupMessagesMethod(services),
    queryWelcomeMessagesMethod(services),
    getNewestGroupMessageMethod(services),
    subscribeGroupMessagesMethod(services),
    subscribeWelcomeMessagesMethod(services),
    subscribeTopicsMethod(services),
    batchPublishCommitLogMethod(services),
    batchQueryCommitLogMethod(services),
  ]
}

type Observers = {
  readonly metrics: Metrics
  readonly logger: Logger
  readonly minLibxmtp: Version | undefined
}

function observed(method: Method, observers: Observers): Method {
  const { path, kind } = method
  const metrics = observers.metrics.ofMethod({ ...namesOf(path), kind })
  const start = (call: Call): ObservedCall =>
    begin({ path, call, metrics, logger: observers.logger })
  const admit = (call: Call): void => checkVersion(call.headers, observers.minLibxmtp)
  switch (method.kind) {
    case 'unary':
      return {
        path,
        kind: method.kind,
        handle: (request, call) => {
          const observer = start(call)
          observer.received()
          return observedCall(observer, () => {
            admit(call)
            return method.handle(request, call)
          })
        },
      }
    case 'serverStream':
      return {
        path,
        kind: method.kind,
        open: (request, call) => {
          const observer = start(call)
          observer.received()
          return observedStream(observer, () => {
            admit(call)
            return method.open(request, call)
          })
        },
      }
    case 'bidi':
      return {
        path,
        kind: method.kind,
        open: (requests, call) => {
          const observer = start(call)
          return observedStream(observer, () => {
            admit(call)
            return method.open(observedRequests(observer, requests), call)
          })
        },
      }
    default:
      return method satisfies never
  }
}

/** What the node depends on and fails is answered as unavailable, but the operator must see the cause. */
function isForOperator(error: unknown): boolean {
  return (
    error instanceof XmtpError &&
    (error.code === 'node.store.unavailable' || error.code === 'node.chain.unavailable')
  )
}

type ObservedCall = Pick<MethodMetrics, 'received' | 'sent'> & {
  readonly finish: (error?: unknown) => void
}

function begin(observation: {
  readonly path: string
  readonly call: Call
  readonly metrics: MethodMetrics
  readonly logger: Logger
}): ObservedCall {
  const { path, call, metrics, logger } = observation
  const startedMs = performance.now()
  metrics.started()
  const finish = (error?: unknown): void => {
    const code = error === undefined ? grpcCode.ok : statusOf(error).code
    const durationMs = performance.now() - startedMs
    metrics.ended({ code, durationMs, headers: call.headers })
    if (error === undefined) return
    if (isUnexpected(error) || isForOperator(error)) logger.error('api.failed', { path, error })
  }
  return { received: metrics.received, sent: metrics.sent, finish }
}

async function observedCall(
  { sent, finish }: ObservedCall,
  answer: () => Promise<Uint8Array>,
): Promise<Uint8Array> {
  try {
    const response = await answer()
    sent(1)
    finish()
    return response
  } catch (error) {
    finish(error)
    throw error
  }
}

async function observedStream(
  observer: ObservedCall,
  open: () => Promise<OpenStream>,
): Promise<OpenStream> {
  try {
    const stream = await open()
    return { ...stream, batches: observedBatches(observer, stream.batches) }
  } catch (error) {
    observer.finish(error)
    throw error
  }
}

async function* observedRequests(
  { received }: ObservedCall,
  requests: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const request of requests) {
    received()
    yield request
  }
}

async function* observedBatches(
  { sent, finish }: ObservedCall,
  batches: OpenStream['batches'],
): AsyncGenerator<readonly Uint8Array[], void, undefined> {
  let failure: unknown
  try {
    for await (const batch of batches) {
      sent(batch.length)
      yield batch
    }
  } catch (error) {
    failure = error
    throw error
  } finally {
    finish(failure)
  }
}
