import {
  openPointed,
  openPointer,
  openWelcome,
  type OpenedWelcome,
  type WelcomeKeyLookup,
  type WelcomePointer,
} from '@xmtp-ts/protocol/group'
import { firstPointeeWaitMs, pointeeTries } from '../../limits.ts'
import type { WelcomeMessage } from '../../network/mls-api.ts'
import type { Core } from '../core.ts'

/** A welcome that opens, or a pointer to one that is not there yet. */
export type Opened =
  | { readonly kind: 'welcome'; readonly welcome: OpenedWelcome }
  | { readonly kind: 'late'; readonly pointer: WelcomePointer }

/**
 * Opens a welcome, or what it points to: that is sent before the pointer, so it is waited for a moment only.
 * @throws XmtpError `v3.welcome.*` or what the network throws
 */
export async function openWelcomeMessage(
  core: Core,
  message: WelcomeMessage,
  lookup: WelcomeKeyLookup,
): Promise<Opened> {
  if (message.$case === 'v1')
    return { kind: 'welcome', welcome: await openWelcome(message.value, lookup) }
  const pointer = await openPointer(message.value, lookup)
  for (let tries = 0; tries < pointeeTries; tries += 1) {
    if (tries > 0) await core.environment.sleep(firstPointeeWaitMs * 3 ** (tries - 1), core.signal)
    const welcome = await findPointed(core, pointer)
    if (welcome !== undefined) return { kind: 'welcome', welcome }
  }
  return { kind: 'late', pointer }
}

/**
 * Looks once for what a pointer points to: the first welcome in its topic.
 * @throws XmtpError `v3.welcome.*` or what the network throws
 */
export async function findPointed(
  { mls }: Core,
  pointer: WelcomePointer,
): Promise<OpenedWelcome | undefined> {
  for await (const page of mls.queryWelcomeMessages(pointer.destination, 0n)) {
    const pointee = page.find(({ $case }) => $case === 'v1')
    if (pointee?.$case === 'v1') return openPointed(pointee.value, pointer)
  }
  return undefined
}
