export { XmtpError, attempt, errorCodes } from './errors.ts'
export type { ErrorCode, Result, XmtpErrorOptions } from './errors.ts'
export { addressBytes, addressOfPoint, parseAddress } from './address.ts'
export type { Address } from './address.ts'
export { createToken, verifyToken } from './auth/token.ts'
export {
  contactTopic,
  conversationTopic,
  directMessageTopic,
  ephemeralTopic,
  introTopic,
  inviteTopic,
  isEphemeral,
  parseContentTopic,
  preferencesTopic,
  privateStoreTopic,
  topicKind,
  topicOwner,
} from './topic/topic.ts'
export type { ContentTopic, TopicKind } from './topic/topic.ts'
