import { Counter, Histogram, type Registry } from 'prom-client'
import type { Method } from './api/method.ts'
import { grpcCodeName, type GrpcCode } from './api/status.ts'

/** A method, as its metrics name it. */
export type MethodName = {
  readonly service: string
  readonly method: string
  readonly kind: Method['kind']
}

/** What is counted of one method. */
export type CallCounts = {
  readonly started: () => void
  readonly received: () => void
  readonly sent: (messages: number) => void
  readonly handled: (code: GrpcCode, durationMs: number) => void
}

/** The words of Go's middleware for gRPC (go-grpc-prometheus), which the dashboards of the reference look for. */
const typeOfKind: Readonly<Record<Method['kind'], string>> = {
  unary: 'unary',
  serverStream: 'server_stream',
  bidi: 'bidi_stream',
}

const labelNames = ['grpc_type', 'grpc_service', 'grpc_method'] as const
const secondBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Counts in plain numbers, which become metrics when somebody asks: a busy stream sends many messages a millisecond. */
type Counts = {
  readonly labels: Readonly<Record<(typeof labelNames)[number], string>>
  readonly handled: Map<GrpcCode, number>
  started: number
  received: number
  sent: number
}

type Count = { readonly count: number; readonly grpc_code?: string }

/** Calls of every protocol under the names of gRPC, each method from its first moment on with 0. */
export function createCallMetrics(registers: Registry[]): (name: MethodName) => CallCounts {
  const all: Counts[] = []
  const total = (
    name: string,
    help: string,
    options: { labels?: readonly string[]; read: (counts: Counts) => readonly Count[] },
  ): Counter =>
    new Counter({
      name: `grpc_server_${name}_total`,
      help,
      labelNames: [...labelNames, ...(options.labels ?? [])],
      registers,
      collect() {
        this.reset()
        for (const counts of all)
          for (const { count, ...more } of options.read(counts))
            this.inc({ ...counts.labels, ...more }, count)
      },
    })
  total('started', 'Calls that began', { read: ({ started }) => [{ count: started }] })
  total('msg_received', 'Messages of callers', { read: ({ received }) => [{ count: received }] })
  total('msg_sent', 'Messages to callers', { read: ({ sent }) => [{ count: sent }] })
  total('handled', 'Calls that ended, by status', {
    labels: ['grpc_code'],
    read: ({ handled }) =>
      [...handled].map(([code, count]) => ({ count, grpc_code: grpcCodeName[code] })),
  })
  const seconds = new Histogram({
    name: 'grpc_server_handling_seconds',
    help: 'Seconds until calls ended',
    labelNames,
    buckets: secondBuckets,
    registers,
  })
  return ({ service, method, kind }) => {
    const labels = { grpc_type: typeOfKind[kind], grpc_service: service, grpc_method: method }
    const counts: Counts = { labels, handled: new Map([[0, 0]]), started: 0, received: 0, sent: 0 }
    all.push(counts)
    return {
      started: () => void (counts.started += 1),
      received: () => void (counts.received += 1),
      sent: (messages) => void (counts.sent += messages),
      handled: (code, durationMs) => {
        counts.handled.set(code, (counts.handled.get(code) ?? 0) + 1)
        seconds.observe(labels, durationMs / 1_000)
      },
    }
  }
}
