import { afterAll, beforeAll, expect, it } from 'vitest'
import { browser, startPage } from './browser.ts'
import { native } from './native.ts'
import { startNode, type LocalNode } from './node.ts'
import { describeUnless } from './describe-unless.ts'

const problem = native.problem ?? browser.problem
describeUnless(problem)('a page that is loaded again', () => {
  let node: LocalNode
  beforeAll(async () => {
    node = await startNode()
  })
  afterAll(() => node[Symbol.asyncDispose]())

  it('finds its client in the database of the browser, and what came meanwhile on the node', async () => {
    await using page = await startPage()
    await using terminal = await native.start()
    const bo = await terminal.newClient({ apiUrl: node.url })
    const kept = { apiUrl: node.url, dbPath: 'kept.db3' }
    const alix = await page.newClient(kept)
    const group = await alix.newGroup([bo.inboxId], { groupName: 'before' })
    await group.send('before')

    await page.reload()
    await bo.syncAll()
    const seen = await bo.conversation(group.id)
    await seen.send('meanwhile')

    const back = await page.newClient({ ...kept, privateKey: alix.privateKey })
    // Another installation would have a database of its own.
    expect(back.installationId).toBe(alix.installationId)
    const found = await back.conversation(group.id)
    expect(await found.texts()).toEqual(['before'])
    await found.sync()
    expect(await found.texts()).toEqual(['before', 'meanwhile'])
    const stream = await back.streamMessages()
    await found.send('after')
    await seen.send('answer')
    await stream.until((messages) => messages.some(({ content }) => content === 'answer'))
    await seen.sync()
    expect(await seen.texts()).toEqual(['before', 'meanwhile', 'after', 'answer'])
    expect((await bo.inboxState()).installationIds).toHaveLength(1)
    expect((await back.inboxState()).installationIds).toEqual([alix.installationId])
  }, 90_000)
})
