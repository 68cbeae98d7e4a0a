import { BackupElementSelectionOption, ConsentEntityType, ConsentState } from '@xmtp-ts/client'
import { describe, expect, it } from 'vitest'
import { take, texts, until, walletKey, world } from './world.ts'

const { Allowed, Denied, Unknown } = ConsentState
const { GroupId, InboxId } = ConsentEntityType
void [Allowed, Unknown, GroupId, BackupElementSelectionOption, take, texts, walletKey]

describe('installations of one inbox', () => {
  const { open: openClient, node } = world({ history: { listen: { host: '127.0.0.1', port: 0 } } })
  const open = (number: number, more = {}) =>
    openClient(number, { disableDeviceSync: false, historySyncUrl: node().history, ...more })

  it('tell each other what the user decides', async () => {
    const alix = await open(1)
    const bo = await open(2)
    const again = await open(1)
    await until(async () => (await alix.preferences.sync()).numEligible === 2)
    const entry = { entityType: InboxId, entity: bo.inboxId, state: Denied }
    await alix.preferences.setConsentStates([entry])
    await until(async () => {
      await again.preferences.sync()
      return (await again.preferences.getConsentState(InboxId, bo.inboxId)) === Denied
    })
    expect(1).toBe(1)
  })

  it('hand a new one what was said before it came', async () => {
    const alix = await open(1)
    const bo = await open(2)
    const group = await alix.conversations.createGroup([bo.inboxId], { groupName: 'old' })
    await group.sendText('before')
    const again = await open(1)
    await until(async () => (await alix.preferences.sync()).numEligible === 2)
    await again.sendSyncRequest()
    await until(async () => {
      await alix.preferences.sync()
      await again.preferences.sync()
      const seen = await again.conversations.getConversationById(group.id)
      return seen !== undefined && texts(await seen.messages()).includes('before')
    })
  })
})
