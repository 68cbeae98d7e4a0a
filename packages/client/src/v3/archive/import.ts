import type { ConsentSave } from '@xmtp-ts/proto/device_sync/consent_backup'
import type { GroupMessageSave } from '@xmtp-ts/proto/device_sync/message_backup'
import { XmtpError } from '@xmtp-ts/protocol'
import { archiveBatchBytes, archiveBatchElements } from '../../limits.ts'
import type { Core } from '../core.ts'
import { storeUpdates } from '../device-sync/preference-updates.ts'
import { openArchive, type ArchiveElement } from './archive-format.ts'
import { restoreGroup } from './restore-group.ts'
import { restoreMessages } from './restore-messages.ts'

/**
 * Takes in what an archive has and is not here. Nothing newer is written over, so that the same archive may be taken twice.
 * Elements that cannot be are reported and passed. Each element is stored whole; when the archive turns out to be cut
 * or changed, what came before stays.
 * @param key 32 bytes
 * @throws XmtpError `client.archive.*`, `client.store.*`, what reading throws
 */
export async function importArchive(
  core: Core,
  pieces: AsyncIterable<Uint8Array>,
  key: Uint8Array,
): Promise<void> {
  const { elements } = await openArchive(pieces, key)
  for await (const batch of batchesOf(elements)) await takeBatch(core, batch)
  core.signals.raise('conversations')
}

/** Elements of one kind that stand together, some at a time; those before a damage too. */
async function* batchesOf(
  elements: AsyncIterable<ArchiveElement>,
): AsyncGenerator<readonly ArchiveElement[]> {
  let batch: ArchiveElement[] = []
  let sizeBytes = 0
  try {
    for await (const element of elements) {
      const isFull = batch.length === archiveBatchElements || sizeBytes >= archiveBatchBytes
      if (isFull || (batch[0] !== undefined && batch[0].$case !== element.$case)) {
        yield batch
        batch = []
        sizeBytes = 0
      }
      batch.push(element)
      if (element.$case === 'groupMessage') sizeBytes += element.value.decryptedMessageBytes.length
    }
  } catch (error) {
    yield batch
    throw error
  }
  yield batch
}

async function takeBatch(core: Core, batch: readonly ArchiveElement[]): Promise<void> {
  const consents: ConsentSave[] = []
  const messages: GroupMessageSave[] = []
  for (const element of batch) {
    if (element.$case === 'consent') consents.push(element.value)
    else if (element.$case === 'groupMessage') messages.push(element.value)
    else if (element.$case === 'group')
      await reporting(core, () => restoreGroup(core, element.value))
  }
  const updates = consents.map((value) => ({ update: { $case: 'consent' as const, value } }))
  for (const problem of await storeUpdates(core, updates)) report(core, problem)
  await restoreMessages(core, messages)
}

/** One bad element does not end an import; a store that fails does. */
async function reporting(core: Core, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof XmtpError) || error.retry || error.code.startsWith('client.store.'))
      throw error
    report(core, error)
  }
}

function report(core: Core, error: XmtpError): void {
  core.onRefused({ conversationId: undefined, sequenceId: 0n, error })
}
