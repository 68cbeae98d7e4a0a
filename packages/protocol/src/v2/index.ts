export { deriveHmacKey, hmacKeysForPush, hmacPeriod, senderHmac } from './hmac.ts'
export type { HmacKey } from './hmac.ts'
export {
  deriveConversation,
  openInvitation,
  parseSealedInvitation,
  sealInvitation,
} from './invitation.ts'
export type {
  Invitation,
  InvitationContext,
  OpenedInvitation,
  SealedInvitation,
} from './invitation.ts'
export { messageId, openMessage, parseMessage, sealMessage, verifyMessage } from './message.ts'
export type { ConversationKeys, OpenedMessage, SealedMessage, VerifiedMessage } from './message.ts'
