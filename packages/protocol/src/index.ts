export { XmtpError, attempt, errorCodes } from './errors.ts'
export type { ErrorCode, Result, XmtpErrorOptions } from './errors.ts'
