import { DeliveryStatus } from '@xmtp-ts/client'
import { describe, expect, it } from 'vitest'
import { seen, sendingAfter, texts, until, world } from './world.ts'

const { open, options, refusals } = world()

/** The second one does something before it sends. */
async function heldBack() {
  const first: { next: (() => Promise<unknown>) | undefined } = { next: undefined }
  const ann = await open(1)
  const ben = await open(2, { transport: sendingAfter(options().transport, first) })
  return { ann, ben, first }
}

describe('who was removed', () => {
  it('reads nothing of the group, and nothing of it is refused', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    const group = await ann.conversations.createGroup([ben.inboxId])
    const atBen = await seen(ben, group)
    await using stream = await ben.conversations.streamAllMessages()
    await group.removeMembers([ben.inboxId])
    await group.sendText('without ben')
    await group.updateName('without ben')
    await until(() => !atBen.isActive)
    await atBen.sync()
    await ben.conversations.syncAll()
    expect(await atBen.debugInfo()).toMatchObject({ maybeForked: false })
    expect(texts(await atBen.messages())).toEqual([])
    expect(stream.isDone).toBe(false)
  })

  it('misses nothing by stream that was said after coming back', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    const group = await ann.conversations.createGroup([ben.inboxId])
    const atBen = await seen(ben, group)
    await using stream = await ben.conversations.streamAllMessages()
    for (const round of [1, 2, 3]) {
      await group.removeMembers([ben.inboxId])
      await group.sendText(`without ben ${round}`)
      await group.addMembers([ben.inboxId])
      await group.sendText(`with ben ${round}`)
      await until(async () => texts(await atBen.messages()).length === round)
    }
    const said = ['with ben 1', 'with ben 2', 'with ben 3']
    expect(texts(await atBen.messages())).toEqual(said)
    const streamed = []
    while (texts(streamed).length < said.length) streamed.push((await stream.next()).value!)
    expect(texts(streamed)).toEqual(said)
  })

  it('is told that what came too late was not sent', async () => {
    const { ann, ben, first } = await heldBack()
    const group = await ann.conversations.createGroup([ben.inboxId])
    const atBen = await seen(ben, group)
    // The first message is preceded by a new key.
    await atBen.sendText('one')
    first.next = () => group.removeMembers([ben.inboxId])
    await atBen.sendText('too late')
    await atBen.sync()
    expect(await atBen.messages({ deliveryStatus: DeliveryStatus.Failed })).toHaveLength(1)
    await group.addMembers([ben.inboxId])
    await ben.conversations.syncAll()
    await atBen.sendText('in time')
    await group.sync()
    expect(texts(await group.messages())).toEqual(['one', 'in time'])
    expect(refusals.splice(0)).toMatchObject([{ error: { code: 'client.message.senderGone' } }])
  })
})

describe('a message that comes behind a commit', () => {
  it('is sent again when a place before its sender is empty: libxmtp 1.10 cannot read it', async () => {
    const { ann, ben: cleo, first } = await heldBack()
    const ben = await open(3)
    const group = await ann.conversations.createGroup([ben.inboxId])
    await group.addMembers([cleo.inboxId])
    await group.removeMembers([ben.inboxId])
    const atCleo = await seen(cleo, group)
    // The first message is preceded by a new key.
    await atCleo.sendText('one')
    first.next = () => group.updateName('in between')
    const before = cleo.debugInformation.apiStatistics().sendGroupMessages
    const id = await atCleo.sendText('two')
    const { Published, Unpublished } = DeliveryStatus
    const statusOf = async () => (await atCleo.messages()).find((one) => one.id === id)
    await until(async () => (await statusOf())?.deliveryStatus === Published)
    expect(cleo.debugInformation.apiStatistics().sendGroupMessages - before).toBe(2n)
    await group.sync()
    expect(texts(await group.messages())).toEqual(['one', 'two'])
    expect(await atCleo.messages({ deliveryStatus: Unpublished })).toEqual([])
  })

  it('is not sent again when everybody can read it', async () => {
    const { ann, ben, first } = await heldBack()
    const group = await ann.conversations.createGroup([ben.inboxId])
    const atBen = await seen(ben, group)
    await atBen.sendText('one')
    first.next = () => group.updateName('in between')
    const before = ben.debugInformation.apiStatistics().sendGroupMessages
    await atBen.sendText('two')
    await atBen.sync()
    await group.sync()
    expect(texts(await group.messages())).toEqual(['one', 'two'])
    expect(texts(await atBen.messages())).toEqual(['one', 'two'])
    expect(ben.debugInformation.apiStatistics().sendGroupMessages - before).toBe(1n)
  })
})
