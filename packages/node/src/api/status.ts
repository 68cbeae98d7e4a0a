import { errorCodes, XmtpError, type ErrorCode } from '@xmtp-ts/protocol'

/** gRPC status codes (grpc.io, "Status codes and their use in gRPC"). */
export const grpcCode = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const

export type GrpcCode = (typeof grpcCode)[keyof typeof grpcCode]

/** The codes that a call can end with. Others never reach the edge; one that does is a bug. */
type CallErrorCode = Extract<
  ErrorCode,
  | `node.${string}`
  | `token.${string}`
  | `topic.${string}`
  | `bytes.${string}`
  | `v3.identity.${string}`
  | `v3.commitLog.${string}`
  | `v3.topic.${string}`
>

const statusOfCode: Readonly<Record<CallErrorCode, GrpcCode>> = {
  'bytes.malformed': grpcCode.invalidArgument,
  'bytes.tooLong': grpcCode.resourceExhausted,
  'topic.malformed': grpcCode.invalidArgument,
  'topic.tooLong': grpcCode.invalidArgument,
  'token.malformed': grpcCode.unauthenticated,
  'token.badSignature': grpcCode.unauthenticated,
  'token.wrongWallet': grpcCode.unauthenticated,
  'token.expired': grpcCode.unauthenticated,
  'node.request.malformed': grpcCode.invalidArgument,
  'node.request.tooLong': grpcCode.resourceExhausted,
  'node.request.tooSlow': grpcCode.deadlineExceeded,
  'node.method.unknown': grpcCode.unimplemented,
  'node.publish.noTopic': grpcCode.invalidArgument,
  'node.publish.payloadTooLong': grpcCode.invalidArgument,
  'node.publish.tooManyEnvelopes': grpcCode.invalidArgument,
  'node.query.noTopics': grpcCode.invalidArgument,
  'node.query.pageTooLong': grpcCode.invalidArgument,
  'node.query.tooManyQueries': grpcCode.invalidArgument,
  'node.query.cursorTooLong': grpcCode.invalidArgument,
  'node.topics.tooMany': grpcCode.invalidArgument,
  'node.auth.missing': grpcCode.unauthenticated,
  'node.auth.restrictedTopic': grpcCode.permissionDenied,
  'node.client.tooOld': grpcCode.unimplemented,
  'node.auth.denied': grpcCode.permissionDenied,
  'node.limit.exceeded': grpcCode.resourceExhausted,
  'node.streams.tooMany': grpcCode.resourceExhausted,
  'node.stream.tooSlow': grpcCode.aborted,
  'node.resume.malformed': grpcCode.invalidArgument,
  'node.resume.foreign': grpcCode.failedPrecondition,
  'node.health.unknownService': grpcCode.notFound,
  'node.v3.none': grpcCode.invalidArgument,
  'node.v3.answerTooLong': grpcCode.resourceExhausted,
  'node.v3.tooMany': grpcCode.invalidArgument,
  'node.v3.keyMissing': grpcCode.invalidArgument,
  'node.v3.message.malformed': grpcCode.invalidArgument,
  'node.v3.welcome.malformed': grpcCode.invalidArgument,
  'node.v3.keyPackage.missing': grpcCode.invalidArgument,
  'node.v3.keyPackage.invalid': grpcCode.invalidArgument,
  'node.v3.commitLog.malformed': grpcCode.invalidArgument,
  'node.v3.commitLog.descending': grpcCode.invalidArgument,
  'node.v3.identity.missing': grpcCode.invalidArgument,
  'v3.identity.identifier.malformed': grpcCode.invalidArgument,
  'v3.identity.accountId.malformed': grpcCode.invalidArgument,
  'v3.identity.inboxId.malformed': grpcCode.invalidArgument,
  'v3.identity.update.malformed': grpcCode.invalidArgument,
  'v3.identity.update.tooLong': grpcCode.invalidArgument,
  'v3.identity.update.empty': grpcCode.invalidArgument,
  'v3.identity.update.wrongInbox': grpcCode.invalidArgument,
  'v3.identity.signature.malformed': grpcCode.invalidArgument,
  'v3.identity.signature.invalid': grpcCode.invalidArgument,
  'v3.identity.signature.notCanonical': grpcCode.invalidArgument,
  'v3.identity.signature.replayed': grpcCode.invalidArgument,
  'v3.identity.signature.missing': grpcCode.invalidArgument,
  'v3.identity.signature.wrongKind': grpcCode.invalidArgument,
  'v3.identity.signature.wrongSigner': grpcCode.invalidArgument,
  'v3.identity.signature.legacyReused': grpcCode.invalidArgument,
  'v3.identity.signature.chainChanged': grpcCode.invalidArgument,
  'v3.identity.signer.notAllowed': grpcCode.invalidArgument,
  'v3.identity.contract.notConfigured': grpcCode.failedPrecondition,
  'v3.identity.log.created': grpcCode.invalidArgument,
  'v3.identity.log.notCreated': grpcCode.invalidArgument,
  'v3.identity.log.full': grpcCode.failedPrecondition,
  'v3.identity.member.self': grpcCode.invalidArgument,
  'v3.identity.member.byInstallation': grpcCode.invalidArgument,
  'v3.identity.member.tooMany': grpcCode.invalidArgument,
  // A state of our own store that does not load.
  'v3.identity.state.malformed': grpcCode.internal,
  'v3.topic.malformed': grpcCode.invalidArgument,
  'v3.commitLog.malformed': grpcCode.invalidArgument,
  'v3.commitLog.badSignature': grpcCode.invalidArgument,
  'node.subscribe.malformed': grpcCode.invalidArgument,
  'node.subscribe.tooMuch': grpcCode.resourceExhausted,
  'node.subscribe.silent': grpcCode.deadlineExceeded,
  'node.subscribe.stalled': grpcCode.unavailable,
  'node.chain.unavailable': grpcCode.unavailable,
  'node.history.tooLong': grpcCode.resourceExhausted,
  'node.history.full': grpcCode.unavailable,
  'node.closing': grpcCode.unavailable,
  'node.overloaded': grpcCode.unavailable,
  'node.store.unavailable': grpcCode.unavailable,
  'node.store.unusable': grpcCode.internal,
  'node.store.damaged': grpcCode.internal,
  'node.store.newer': grpcCode.internal,
  'node.store.locked': grpcCode.internal,
  'node.config.malformed': grpcCode.internal,
  'node.listen.busy': grpcCode.internal,
  'node.listen.impossible': grpcCode.internal,
}

/** The names of the codes in metrics, as Go writes them. */
export const grpcCodeName: Readonly<Record<GrpcCode, string>> = {
  0: 'OK',
  1: 'Canceled',
  2: 'Unknown',
  3: 'InvalidArgument',
  4: 'DeadlineExceeded',
  5: 'NotFound',
  6: 'AlreadyExists',
  7: 'PermissionDenied',
  8: 'ResourceExhausted',
  9: 'FailedPrecondition',
  10: 'Aborted',
  11: 'OutOfRange',
  12: 'Unimplemented',
  13: 'Internal',
  14: 'Unavailable',
  15: 'DataLoss',
  16: 'Unauthenticated',
}

/** How a call ended, for every protocol that carries it. */
export type Status = {
  readonly code: GrpcCode
  readonly message: string
  /** Trailers of gRPC, headers of HTTP. */
  readonly headers: Readonly<Record<string, string>>
}

/**
 * The status of an error. Where the reference has a text that clients know, it is in `details.text`. Errors without
 * a code of ours leave without their text.
 */
export function statusOf(error: unknown): Status {
  if (!(error instanceof XmtpError) || !isCallErrorCode(error.code))
    return { code: grpcCode.internal, message: 'internal error', headers: {} }
  const { text, retryAfterSeconds } = error.details
  return {
    code: statusOfCode[error.code],
    message: typeof text === 'string' ? text : error.message,
    headers:
      typeof retryAfterSeconds === 'number' ? { 'retry-after': String(retryAfterSeconds) } : {},
  }
}

/** Whether the error is a likely bug rather than an answer. */
export function isUnexpected(error: unknown): boolean {
  return statusOf(error).code === grpcCode.internal
}

/** The gateway's HTTP status for a gRPC code (node-api §2.1). */
export const httpStatusOf: Readonly<Record<GrpcCode, number>> = {
  0: 200,
  1: 499,
  2: 500,
  3: 400,
  4: 504,
  5: 404,
  6: 409,
  7: 403,
  8: 429,
  9: 400,
  10: 409,
  11: 400,
  12: 501,
  13: 500,
  14: 503,
  15: 500,
  16: 401,
}

function isCallErrorCode(code: ErrorCode): code is CallErrorCode {
  return Object.hasOwn(statusOfCode, code) && Object.hasOwn(errorCodes, code)
}
