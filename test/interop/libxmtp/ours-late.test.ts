import { Client, DeliveryStatus, grpcWebTransport } from '@xmtp-ts/client'
import { expect, it } from 'vitest'
import { sendingAfter, walletKey } from '../../client/world.ts'
import { native } from './native.ts'
import { meeting } from './sides.ts'
import { describeUnless } from './describe-unless.ts'

describeUnless(native.problem)('a message that comes behind a commit', () => {
  const { node, open } = meeting()

  it('is read by libxmtp 1.10, also with an empty place before its sender', async () => {
    const [alix, bo] = await Promise.all([open('theirs'), open('theirs')])
    const first: { next: (() => Promise<unknown>) | undefined } = { next: undefined }
    const transport = sendingAfter(grpcWebTransport({ url: node().url }), first)
    await using caro = await Client.create(walletKey(1), {
      transport,
      dbPath: null,
      disableDeviceSync: true,
    })
    const group = await alix.newGroup([bo.inboxId])
    await group.addMembers([caro.inboxId])
    await group.removeMembers([bo.inboxId])
    await caro.conversations.syncAll()
    const seen = (await caro.conversations.listGroups())[0]!
    // The first message is preceded by a new key.
    await seen.sendText('one')
    first.next = () => group.updateName('in between')
    const id = await seen.sendText('two')
    // Without a promise to wait for: it is sent again in the background.
    const statusOf = async () =>
      (await seen.messages()).find((message) => message.id === id)?.deliveryStatus
    await expect.poll(statusOf, { timeout: 10_000 }).toBe(DeliveryStatus.Published)
    await group.sync()
    expect(await group.texts()).toEqual(['one', 'two'])
    expect((await group.messages()).at(-1)).toMatchObject({
      id,
      sentAtNs: (await seen.lastMessage())!.sentAtNs,
    })
  })
})
