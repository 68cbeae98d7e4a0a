import { OwedWelcomes } from '@xmtp-ts/proto/store/v1/store'
import { XmtpError } from '@xmtp-ts/protocol'
import { planWelcomes, readKeyPackage } from '@xmtp-ts/protocol/group'
import type { Core } from '../core.ts'
import { keys } from '../records/keys.ts'
import { decodeRow, scanAll } from '../records/rows.ts'

/**
 * Sends the welcomes that commits of ours owe to those they added, also of a process that ended before it had. A welcome
 * that arrives twice is taken once.
 * @param id of one group; all groups if left out
 * @throws XmtpError what the network throws: the welcomes stay owed
 */
export async function sendOwedWelcomes(core: Core, id?: string): Promise<void> {
  const prefix = id === undefined ? keys.owedWelcomes : keys.owedWelcomesOf(id)
  for (const { key, value } of await scanAll(core.store, prefix)) {
    const { welcome, keyPackages, messageCursor } = decodeRow(OwedWelcomes, value)
    const installations = await Promise.all(
      keyPackages.map((bytes) => readKeyPackage(bytes, undefined)),
    )
    const { random } = core.environment
    const inputs = await planWelcomes({ installations, welcome, messageCursor, random })
    await core.mls.sendWelcomeMessages(inputs).catch((error: unknown) => {
      // The node never takes them: those they are for have to be added again, and other welcomes must not wait for ever.
      if (!(error instanceof XmtpError && error.code === 'client.node.refused')) throw error
      core.report(error)
    })
    await core.store.write({ remove: [key] })
  }
}
