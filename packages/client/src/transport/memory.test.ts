import { createNode, openMemoryLog } from '@xmtp-ts/node'
import { transportSuite } from '../../../../test/suites/transport.ts'
import { memoryTransport } from './memory.ts'

transportSuite('memory', async () => {
  const node = await createNode({ log: openMemoryLog(), tokens: 'off' })
  return {
    transport: memoryTransport(node.memory()),
    close: async () => node[Symbol.asyncDispose](),
  }
})
