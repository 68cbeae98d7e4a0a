import { randomBytes } from 'node:crypto'
import { bytesToHex } from 'viem'
import { describe, expect, it } from 'vitest'
import { native } from './native.ts'
import { agree, agreeOnState, meeting, seenBy, sides } from './sides.ts'
import { describeUnless } from './describe-unless.ts'

const numbered = (name: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${name} ${index}`)

describeUnless(native.problem)('our client with libxmtp', () => {
  const { node, process, open } = meeting()

  describe.each(sides)('$name', ({ one, other }) => {
    it('find each other, by address and by inbox id, and one DM', async () => {
      const [alix, bo] = await Promise.all([open(one), open(other)])
      const nobody = `0x${'00'.repeat(19)}01`
      expect(await alix.canMessage([bo.address, nobody])).toEqual([true, false])
      expect(await alix.inboxIdOf(bo.address)).toBe(bo.inboxId)
      expect(await alix.inboxStates([bo.inboxId])).toEqual([await bo.inboxState()])
      const dm = await alix.newDmWithAddress(bo.address)
      await dm.send('hello')
      await bo.syncAll()
      const seen = await bo.newDm(alix.inboxId)
      expect(seen.id).toBe(dm.id)
      expect([await dm.peerInboxId(), await seen.peerInboxId()]).toEqual([bo.inboxId, alix.inboxId])
      expect([await dm.consent(), await seen.consent()]).toEqual(['allowed', 'unknown'])
      await seen.send('hi')
      expect(await seen.consent()).toBe('allowed')
      await dm.sync()
      expect(await dm.texts()).toEqual(['hello', 'hi'])
      await agree(dm, seen)
      expect(await seen.creatorInboxId()).toBe(alix.inboxId)
      await dm.setConsent('denied')
      expect(await alix.list()).toEqual([])
      expect(await alix.list({ consentStates: [2] })).toHaveLength(1)
    })

    it('that both begin a DM end in one, read it whole and write in one place', async () => {
      const [alix, bo] = await Promise.all([open(one), open(other)])
      const [mine, yours] = await Promise.all([alix.newDm(bo.inboxId), bo.newDm(alix.inboxId)])
      expect(mine.id).not.toBe(yours.id)
      await mine.send('from alix')
      await yours.send('from bo')
      for (const client of [alix, bo, alix, bo]) await client.syncAll()
      const [a, b] = [await alix.dmWith(bo.inboxId), await bo.dmWith(alix.inboxId)]
      expect(a.id).toBe(b.id)
      await a.send('in one place')
      for (const dm of [a, b]) {
        await dm.sync()
        expect(await dm.texts()).toEqual(['from alix', 'from bo', 'in one place'])
        expect(await dm.duplicateDms()).toHaveLength(1)
      }
      for (const client of [alix, bo]) {
        expect(await client.list()).toHaveLength(1)
        expect(await client.list({ includeDuplicateDms: true })).toHaveLength(2)
      }
      for (const client of [alix, bo])
        for (const { id } of [mine, yours]) expect((await client.conversation(id)).id).toBe(a.id)
      await agree(a, b)
      await agree(...(await a.duplicateDms()), ...(await b.duplicateDms()))
    })

    it('more than a page in both directions', async () => {
      const [alix, bo] = await Promise.all([open(one), open(other)])
      const dm = await alix.newDm(bo.inboxId)
      for (const text of numbered('alix', 130)) await dm.send(text)
      const seen = await seenBy(bo, dm)
      for (const text of numbered('bo', 130)) await seen.send(text)
      await dm.sync()
      expect(await dm.texts()).toEqual([...numbered('alix', 130), ...numbered('bo', 130)])
      await agree(dm, seen)
    }, 60_000)

    it('stream what the other says and makes, each thing once and in order', async () => {
      const [alix, bo] = await Promise.all([open(one), open(other)])
      await using toAlix = await alix.streamMessages()
      await using toBo = await bo.streamMessages()
      await using conversations = await bo.streamConversations()
      const group = await alix.newGroup([bo.inboxId], { groupName: 'streamed' })
      await conversations.until((values) => values.length === 1)
      expect(conversations.values[0]!.id).toBe(group.id)
      const seen = await bo.conversation(group.id)
      const said = numbered('alix', 30)
      const answered = numbered('bo', 30)
      await Promise.all([
        (async () => {
          for (const text of said) await group.send(text)
        })(),
        (async () => {
          for (const text of answered) await seen.send(text)
        })(),
      ])
      const texts = (values: readonly { readonly content: unknown }[], name: string) =>
        values.map(({ content }) => content).filter((text) => String(text).startsWith(name))
      for (const stream of [toAlix, toBo]) {
        await stream.until((values) => texts(values, 'alix').length === said.length)
        await stream.until((values) => texts(values, 'bo').length === answered.length)
        expect(texts(stream.values, 'alix')).toEqual(said)
        expect(texts(stream.values, 'bo')).toEqual(answered)
        expect(stream.events).toEqual([])
      }
      await agree(group, seen)
      const dm = await alix.newDm(bo.inboxId)
      await conversations.until((values) => values.length === 2)
      expect(conversations.values[1]!.id).toBe(dm.id)
    }, 60_000)

    it('go on by stream when the node comes back', async () => {
      const [alix, bo] = await Promise.all([open(one), open(other)])
      const group = await alix.newGroup([bo.inboxId])
      const seen = await seenBy(bo, group)
      await using stream = await bo.streamMessages({ retryDelay: 100 })
      await group.send('before')
      await stream.until((values) => values.some(({ content }) => content === 'before'))
      await node().restart()
      // A stream of libxmtp passes over what came while it was down and was read otherwise; ours does not.
      if (other === 'theirs')
        await expect.poll(() => stream.events, { timeout: 20_000 }).toContain('onRestart')
      await group.send('after').catch(() => group.publish())
      await seen.sync()
      await stream.until((values) => values.some(({ content }) => content === 'after'))
      await agree(group, seen)
    }, 60_000)

    it('a second installation in the other client reads and writes in old groups', async () => {
      const alix = await open(one)
      const caro = await open(one)
      const group = await alix.newGroup([caro.inboxId])
      await group.send('before')
      const again = await open(other, { privateKey: alix.privateKey })
      expect(again.inboxId).toBe(alix.inboxId)
      const atCaro = await seenBy(caro, group)
      // Nobody looks for new installations more than every five seconds.
      await expect
        .poll(
          async () => {
            await atCaro.send('anybody new?')
            await again.syncAll()
            return again.conversation(group.id).then(
              () => true,
              () => false,
            )
          },
          { timeout: 20_000, interval: 500 },
        )
        .toBe(true)
      const atAgain = await again.conversation(group.id)
      await atAgain.send('from the second installation')
      await Promise.all([group.sync(), atCaro.sync()])
      expect((await group.texts()).at(-1)).toBe('from the second installation')
      const [member] = (await group.members()).filter(({ inboxId }) => inboxId === alix.inboxId)
      expect(member!.installationIds.toSorted()).toEqual(
        [alix.installationId, again.installationId].toSorted(),
      )
      const info = async (view: typeof group) => (await view.debugInfo()).commits.at(-1)
      expect((await info(atAgain))?.authenticator).toBe((await info(group))?.authenticator)

      await again.revokeInstallations([alix.installationId])
      expect((await caro.inboxStates([alix.inboxId]))[0]!.installationIds).toEqual([
        again.installationId,
      ])
      await expect
        .poll(
          async () => {
            await atCaro.send('anybody gone?')
            return (await atCaro.members()).flatMap(({ installationIds }) => installationIds)
          },
          { timeout: 20_000, interval: 500 },
        )
        .not.toContain(alix.installationId)
      await alix.syncAll()
      expect(await group.isActive()).toBe(false)
      await agreeOnState(atCaro, atAgain)
    }, 60_000)

    it('list conversations alike by every option', async () => {
      const [alix, bo] = await Promise.all([open(one), open(other)])
      // For libxmtp a group that it comes into begins when it reads the welcome, and it reads several at once.
      const arrived = async <T>(made: Promise<T>) => {
        const conversation = await made
        await bo.syncAll()
        return conversation
      }
      const first = await arrived(alix.newGroup([bo.inboxId]))
      const second = await arrived(alix.newGroup([bo.inboxId]))
      const dm = await arrived(alix.newDm(bo.inboxId))
      const third = await arrived(alix.newGroup([bo.inboxId]))
      await first.send('the last to speak')
      await bo.syncAll()
      await bo.setConsent('conversation', second.id, 'denied')
      await (await bo.conversation(third.id)).setConsent('allowed')
      expect(await bo.consent('conversation', second.id)).toBe('denied')
      const createdAtNs = await (await bo.conversation(dm.id)).createdAtNs()
      const names = new Map([
        [first.id, 'first'],
        [second.id, 'second'],
        [dm.id, 'dm'],
        [third.id, 'third'],
      ])
      const listed = async (options?: object) =>
        (await bo.list(options as Readonly<Record<string, unknown>>)).map(({ id }) => names.get(id))
      expect(await listed()).toEqual(['first', 'third', 'dm'])
      expect(await listed({ orderBy: 0 })).toEqual(['third', 'dm', 'first'])
      expect(await listed({ consentStates: [0, 1, 2] })).toEqual(['first', 'third', 'dm', 'second'])
      expect(await listed({ consentStates: [2] })).toEqual(['second'])
      expect(await listed({ consentStates: [1] })).toEqual(['third'])
      expect(await listed({ conversationType: 0 })).toEqual(['dm'])
      expect(await listed({ conversationType: 1 })).toEqual(['first', 'third'])
      expect(await listed({ limit: 2 })).toEqual(['first', 'third'])
      expect(await listed({ orderBy: 1 })).toEqual(['first', 'third', 'dm'])
      expect(await listed({ createdAfterNs: createdAtNs })).toEqual(['third'])
      expect(await listed({ createdBeforeNs: createdAtNs })).toEqual(['first'])
      await bo.setConsent('inbox', alix.inboxId, 'denied')
      expect(await bo.consent('inbox', alix.inboxId)).toBe('denied')
      const members = await (await bo.conversation(first.id)).members()
      const consents = members.map(({ inboxId, consentState }) => [inboxId, consentState])
      expect(Object.fromEntries(consents)[alix.inboxId]).toBe('denied')
    })

    it('see the accounts of an inbox come and go', async () => {
      const [alix, bo] = await Promise.all([open(one), open(other)])
      const key = bytesToHex(randomBytes(32))
      const owner = await open(other, { privateKey: key, disableAutoRegister: true })
      await alix.addAccount(key)
      const state = async () => (await bo.inboxStates([alix.inboxId]))[0]!
      expect((await state()).accounts.toSorted()).toEqual([alix.address, owner.address].toSorted())
      expect(await bo.inboxIdOf(owner.address)).toBe(alix.inboxId)
      const dm = await bo.newDmWithAddress(owner.address)
      expect(await dm.peerInboxId()).toBe(alix.inboxId)
      await alix.removeAccount(owner.address)
      expect((await state()).accounts).toEqual([alix.address])
      expect(await state()).toEqual(await alix.inboxState())
    })

    it('have each other’s keys: those of packages, and for push servers', async () => {
      const [alix, bo] = await Promise.all([open(one), open(other)])
      const statuses = await alix.keyPackageStatuses([bo.installationId])
      expect(statuses.get(bo.installationId)?.validationError ?? undefined).toBeUndefined()
      const dm = await alix.newDm(bo.inboxId)
      const keys = (await dm.hmacKeys()).get(dm.id)!
      const seen = await seenBy(bo, dm)
      const others = (await seen.hmacKeys()).get(dm.id)!
      // The keys are each inbox's own, the periods everybody's.
      expect(others.map(({ epoch }) => epoch)).toEqual(keys.map(({ epoch }) => epoch))
      expect([...keys, ...others].map(({ key }) => key.length)).toEqual(Array(6).fill(42))
      const signature = await alix.call('signWithInstallationKey', 'text')
      const installation = Uint8Array.from(Buffer.from(alix.installationId, 'hex'))
      for (const side of [one, other])
        expect(
          await process(side).call(
            'Client.verifySignedWithPublicKey',
            'text',
            signature,
            installation,
          ),
        ).toBe(true)
    })
  })
})
