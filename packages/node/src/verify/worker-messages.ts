import { errorCodes, XmtpError, type ErrorCode, type v3 } from '@xmtp-ts/protocol'

/** To a worker. Bytes with a buffer of their own: a view would take the whole request along. */
export type Question = {
  readonly id: number
  readonly update: Uint8Array
  readonly verdicts: v3.ContractVerdicts
}

/** From a worker. Errors lose their class on the way, so they travel as what makes them. */
export type Answer = { readonly id: number } & (
  | { readonly ok: true; readonly verified: v3.VerifiedIdentityUpdate }
  | { readonly ok: false; readonly code: ErrorCode; readonly what: string }
)

/** What was said to the constructor of an error: its text without code and advice. */
export function whatOf({ code, message }: XmtpError): string {
  return message.slice(`[${code}] `.length, -` ${errorCodes[code].fix}`.length)
}

/** The error of a refusing answer. */
export function errorOf({ code, what }: { readonly code: ErrorCode; readonly what: string }) {
  return new XmtpError(code, what)
}
