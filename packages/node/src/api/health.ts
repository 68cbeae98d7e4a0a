import {
  HealthCheckRequest,
  HealthCheckResponse,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '@xmtp-ts/proto/grpc/health/v1/health'
import { XmtpError } from '@xmtp-ts/protocol'
import type { Readiness } from '../readiness.ts'
import { decodeRequest } from './decode.ts'
import type { ServerStreamMethod, UnaryMethod } from './method.ts'

/** grpc.health.v1.Health.Check: what the store says (B22), for "" and every service of the node. */
export function healthCheckMethod(
  readiness: Readiness,
  services: ReadonlySet<string>,
): UnaryMethod {
  return {
    path: '/grpc.health.v1.Health/Check',
    kind: 'unary',
    handle: async (request) => {
      const { service } = decodeRequest(HealthCheckRequest, request)
      if (service !== '' && !services.has(service))
        throw new XmtpError('node.health.unknownService', 'No such service here.', {
          details: { text: 'unknown service' },
        })
      return encodeStatus(statusOf(await readiness.check()))
    },
  }
}

/** grpc.health.v1.Health.Watch: the status at once, then every change. */
export function healthWatchMethod(
  readiness: Readiness,
  services: ReadonlySet<string>,
): ServerStreamMethod {
  return {
    path: '/grpc.health.v1.Health/Watch',
    kind: 'serverStream',
    open: async (request) => {
      const { service } = decodeRequest(HealthCheckRequest, request)
      const isKnown = service === '' || services.has(service)
      const { states, close } = readiness.watch()
      return { headers: {}, batches: encodeStates(states, isKnown), close }
    },
  }
}

async function* encodeStates(
  states: AsyncIterable<{ readonly ok: boolean }>,
  isKnown: boolean,
): AsyncGenerator<readonly Uint8Array[], void, undefined> {
  for await (const state of states)
    yield [encodeStatus(isKnown ? statusOf(state) : ServingStatus.SERVICE_UNKNOWN)]
}

function statusOf({ ok }: { readonly ok: boolean }): ServingStatus {
  return ok ? ServingStatus.SERVING : ServingStatus.NOT_SERVING
}

function encodeStatus(status: ServingStatus): Uint8Array {
  return HealthCheckResponse.encode({ status }).finish()
}
