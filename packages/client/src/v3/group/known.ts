import { XmtpError } from '@xmtp-ts/protocol'
import type { Core } from '../core.ts'
import type { LoadedGroup } from './loaded-group.ts'

/** @throws XmtpError `client.conversation.unknown` */
export async function loadKnown(core: Core, id: string): Promise<LoadedGroup> {
  const group = await core.groups.load(id)
  if (group === undefined)
    throw new XmtpError('client.conversation.unknown', `There is no conversation ${id}.`)
  return group
}
