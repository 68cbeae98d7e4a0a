import {
  contactTopic,
  directMessageTopic,
  introTopic,
  inviteTopic,
  parseAddress,
} from '@xmtp-ts/protocol'

/** The topic of an account's contacts. @throws XmtpError `address.malformed` */
export function buildUserContactTopic(address: string): string {
  return contactTopic(parseAddress(address))
}

/** The topic of an account's V1 introductions. @throws XmtpError `address.malformed` */
export function buildUserIntroTopic(address: string): string {
  return introTopic(parseAddress(address))
}

/** The topic of an account's V2 invitations. @throws XmtpError `address.malformed` */
export function buildUserInviteTopic(address: string): string {
  return inviteTopic(parseAddress(address))
}

/** The topic of two accounts' V1 messages, in whatever order. @throws XmtpError `address.malformed` */
export function buildDirectMessageTopic(address: string, other: string): string {
  return directMessageTopic([parseAddress(address), parseAddress(other)])
}
