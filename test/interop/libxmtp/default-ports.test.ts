import { parseNodeConfig, startNode } from '@xmtp-ts/node'
import { XmtpError } from '@xmtp-ts/protocol'
import { expect, it } from 'vitest'
import { browser } from './browser.ts'
import { required } from './installed.ts'
import { native } from './native.ts'
import { describeUnless } from './describe-unless.ts'

const problem = native.problem ?? browser.problem
describeUnless(problem)(`clients with env: 'local' and no address`, () => {
  it('find a node that was started with its defaults, and its history service', async (context) => {
    const started = await startNode(parseNodeConfig({ memory: true })).catch((error: unknown) => {
      if (!(error instanceof XmtpError) || error.code !== 'node.listen.busy') throw error
      return context.skip(required(`A port of a node's defaults is taken: ${error.message}`))
    })
    await using node = started
    expect(node.listen).toEqual([5555, 5556, 5557].map((port) => `http://127.0.0.1:${port}`))
    await using terminal = await native.start()
    await using page = await browser.start()
    const [alix, bo] = await Promise.all([
      terminal.newClient({ disableDeviceSync: false }),
      page.newClient({}),
    ])
    const dm = await bo.newDm(alix.inboxId)
    await dm.send('from the page')
    await alix.syncAll()
    const seen = await alix.conversation(dm.id)
    expect(await seen.texts()).toEqual(['from the page'])

    const again = await page.newClient({ disableDeviceSync: false, privateKey: alix.privateKey })
    await expect
      .poll(() => alix.call('preferences.sync'), { timeout: 20_000, interval: 100 })
      .toMatchObject({ numEligible: 2 })
    await again.sendSyncRequest()
    await expect
      .poll(
        async () => {
          await alix.syncDeviceSyncGroups()
          await again.syncDeviceSyncGroups()
          await again.syncAll()
          return (await again.list()).find(({ id }) => id === dm.id)?.texts()
        },
        { timeout: 30_000, interval: 500 },
      )
      .toEqual(['from the page'])
  }, 90_000)
})
