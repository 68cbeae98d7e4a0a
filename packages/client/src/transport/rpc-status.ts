import { XmtpError, type ErrorCode } from '@xmtp-ts/protocol'

/** What the numbers of gRPC mean to a caller of ours. Numbers that are not here are faults of the node. */
const codeOfStatus: Readonly<Record<number, ErrorCode>> = {
  1: 'client.node.unavailable', // CANCELLED, by somebody on the way
  3: 'client.node.refused', // INVALID_ARGUMENT
  4: 'client.network.timeout', // DEADLINE_EXCEEDED
  5: 'client.node.refused', // NOT_FOUND
  6: 'client.node.refused', // ALREADY_EXISTS
  7: 'client.node.denied', // PERMISSION_DENIED
  8: 'client.node.busy', // RESOURCE_EXHAUSTED
  9: 'client.node.otherLog', // FAILED_PRECONDITION: only resuming has one
  11: 'client.node.refused', // OUT_OF_RANGE
  12: 'client.node.refused', // UNIMPLEMENTED
  14: 'client.node.unavailable', // UNAVAILABLE
  16: 'client.node.unauthenticated', // UNAUTHENTICATED
}

/** gRPC's own table for answers of proxies that do not speak it (the HTTP to gRPC mapping of its documentation). */
const statusOfHttp: Readonly<Record<number, number>> = {
  400: 13,
  401: 16,
  403: 7,
  404: 12,
  429: 8,
  502: 14,
  503: 14,
  504: 14,
}

/** Longest text of a node that goes into an error, in characters. */
const maxTextLength = 300

/** The error for a call that a node ended with `status`. `details`: `status`, and `retryAfterMs` if the node named one. */
export function rpcError(
  status: number,
  text: string,
  headers: Readonly<Record<string, string>>,
): XmtpError {
  const retryAfter = Number(headers['retry-after'] ?? Number.NaN)
  return new XmtpError(
    codeOfStatus[status] ?? 'client.node.failed',
    `The node answered with status ${status}${text === '' ? '.' : `: ${text.slice(0, maxTextLength).replace(/\.$/, '')}.`}`,
    {
      details: {
        status,
        ...(retryAfter >= 0 ? { retryAfterMs: retryAfter * 1_000 } : {}),
      },
    },
  )
}

/** The error for an HTTP answer without any status of gRPC. */
export function httpError(http: number, headers: Readonly<Record<string, string>>): XmtpError {
  return rpcError(statusOfHttp[http] ?? 2, `HTTP ${http}`, headers)
}
