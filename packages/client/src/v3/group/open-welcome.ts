import { XmtpError } from '@xmtp-ts/protocol'
import {
  openPointed,
  openPointer,
  openWelcome,
  type OpenedWelcome,
  type WelcomeKeyLookup,
} from '@xmtp-ts/protocol/group'
import type { WelcomeMessage } from '../../network/mls-api.ts'
import type { Core } from '../core.ts'

/**
 * Opens a welcome, or what it points to.
 * @throws XmtpError `v3.welcome.*`, `client.welcome.pointeeMissing` (to be tried again) or what the network throws
 */
export async function openWelcomeMessage(
  core: Core,
  message: WelcomeMessage,
  lookup: WelcomeKeyLookup,
): Promise<OpenedWelcome> {
  if (message.$case === 'v1') return openWelcome(message.value, lookup)
  const pointer = await openPointer(message.value, lookup)
  for await (const page of core.mls.queryWelcomeMessages(pointer.destination, 0n)) {
    const pointee = page.find(({ $case }) => $case === 'v1')
    if (pointee?.$case === 'v1') return openPointed(pointee.value, pointer)
  }
  throw new XmtpError('client.welcome.pointeeMissing', 'What a welcome points to is not there yet.')
}
