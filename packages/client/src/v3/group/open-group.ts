import { joinGroup, type Joined } from '@xmtp-ts/mls'
import type { v3 } from '@xmtp-ts/protocol'
import {
  groupConfig,
  memberOfLeaf,
  readGroupContent,
  type GroupContent,
  type OpenedWelcome,
  type WelcomePointer,
} from '@xmtp-ts/protocol/group'
import type { WelcomeMessage } from '../../network/mls-api.ts'
import type { Core } from '../core.ts'
import type { InboxPlace } from '../identity/directory.ts'
import type { WelcomeKeys } from '../identity/key-packages.ts'
import { openWelcomeMessage } from './open-welcome.ts'

/** Where a welcome, or the pointer to it, stands in our topic. */
export type WelcomePlace = Pick<WelcomeMessage['value'], 'id' | 'createdNs'>

/** A group that a welcome of ours leads to; nothing of it is kept yet. */
export type OpenedGroup = {
  readonly joined: Joined
  readonly content: GroupContent
  /** Whoever added us. */
  readonly adder: { readonly inboxId: v3.InboxId; readonly installationId: Uint8Array }
  readonly messageCursor: bigint
  readonly welcome: WelcomePlace
}

/**
 * Opens a welcome as far as MLS goes (v3-mls §4.4, steps 2 and 3).
 * @returns the group, or the pointer to a welcome that is not there yet
 * @throws XmtpError or MlsError why it is refused, or what kept its pointee away
 */
export async function openGroup(
  core: Core,
  { own, findKey }: WelcomeKeys,
  message: WelcomeMessage,
): Promise<OpenedGroup | WelcomePointer> {
  const opened = await openWelcomeMessage(core, message, findKey)
  if (opened.kind === 'late') return opened.pointer
  return joinWith(core, own, { opened: opened.welcome, place: message.value })
}

/** The same for a welcome that a pointer of ours has led to. @throws as `openGroup` */
export async function openLateGroup(
  core: Core,
  late: { readonly opened: OpenedWelcome; readonly place: WelcomePlace },
): Promise<OpenedGroup> {
  return joinWith(core, (await core.keyPackages.load()).own, late)
}

async function joinWith(
  core: Core,
  own: WelcomeKeys['own'],
  { opened, place }: { readonly opened: OpenedWelcome; readonly place: WelcomePlace },
): Promise<OpenedGroup> {
  const joined = await joinGroup(opened.welcome, {
    keyPackages: own,
    signaturePrivateKey: core.self.signingKey,
    config: groupConfig,
  })
  return {
    joined,
    content: readGroupContent(joined.state.context.extensions),
    adder: memberOfLeaf(joined.signer.leaf),
    messageCursor: opened.messageCursor,
    welcome: { id: place.id, createdNs: place.createdNs },
  }
}

/** The places of identity logs that say whose leaves may be in the group. */
export function placesOf({ content }: OpenedGroup): readonly InboxPlace[] {
  return [...content.membership.members]
    .filter(([, sequenceId]) => sequenceId > 0n)
    .map(([inboxId, sequenceId]) => ({ inboxId, sequenceId }))
}
