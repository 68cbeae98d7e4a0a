import { inviteTopic, v2, type VerifiedKeyBundle } from '@xmtp-ts/protocol'
import type { ConversationRecord } from './conversation-book.ts'
import type { Session } from './session.ts'

/**
 * Founds a conversation: topic and key that both sides derive alike, told to both in one request at one time
 * (v1-v2 §10.1, §10.2).
 */
export async function invite(
  session: Session,
  options: {
    readonly peer: VerifiedKeyBundle
    readonly context: v2.InvitationContext | undefined
    readonly consentProof: ConversationRecord['consentProof']
  },
): Promise<ConversationRecord> {
  const { keys, account, api, token, environment } = session
  const { peer, context, consentProof } = options
  const derived = v2.deriveConversation({
    own: keys,
    ownAddress: account,
    peer,
    conversationId: context?.conversationId,
  })
  const createdNs = session.timestampNs()
  const invitation = { ...derived, context, consentProof }
  const message = v2.sealInvitation(invitation, {
    own: keys,
    peer,
    createdNs,
    random: environment.random,
  })
  await api.publish(
    [peer.owner, account].map((party) => ({
      topic: inviteTopic(party),
      timestampNs: createdNs,
      message,
    })),
    token,
  )
  return { ...invitation, createdNs, peer: peer.owner }
}
