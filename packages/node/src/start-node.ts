import { dirname, join } from 'node:path'
import { createChainVerifier } from './chain/chain-verifier.ts'
import type { NodeConfig } from './config.ts'
import { openMemoryLog } from './log/memory.ts'
import { openMemoryV3Store } from './log/v3-memory.ts'
import { openSqliteStore } from './log/v3-sqlite.ts'
import type { Logger } from './logger.ts'
import { createNode, type Node } from './node.ts'

/** Beside the file of the store. */
const archiveFolder = 'history'

/**
 * Starts the node that a configuration describes.
 * @throws XmtpError `node.store.unusable`, `node.store.damaged`, `node.store.newer`, `node.store.locked`,
 * `node.listen.busy`, `node.listen.impossible`
 */
export async function startNode(
  config: NodeConfig,
  options: { readonly logger?: Logger } = {},
): Promise<Node> {
  const { store, metrics, history, limits, maxStoreBytes, chains, ...rest } = config
  const maxBytes = maxStoreBytes === undefined ? {} : { maxBytes: maxStoreBytes }
  const maxFileBytes = maxStoreBytes === undefined ? {} : { maxFileBytes: maxStoreBytes }
  const stores =
    store.kind === 'memory'
      ? { log: openMemoryLog(maxBytes), v3: openMemoryV3Store(maxBytes) }
      : await openSqliteStore(store.path, maxFileBytes)
  const archives =
    store.kind === 'memory' ? {} : { folder: join(dirname(store.path), archiveFolder) }
  return createNode({
    ...rest,
    ...stores,
    ...(chains.size > 0 && { contracts: createChainVerifier({ urls: chains }) }),
    ...(history !== undefined && { history: { listen: history, ...archives } }),
    ...(metrics !== undefined && { metrics }),
    ...(limits !== undefined && { limits }),
    ...(options.logger !== undefined && { logger: options.logger }),
  })
}
