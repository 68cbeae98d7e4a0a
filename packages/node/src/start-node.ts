import type { NodeConfig } from './config.ts'
import { openMemoryLog } from './log/memory.ts'
import { openSqliteLog } from './log/sqlite.ts'
import type { Logger } from './logger.ts'
import { createNode, type Node } from './node.ts'

/**
 * Starts the node that a configuration describes.
 * @throws XmtpError `node.store.unusable`, `node.store.newer`, `node.store.locked`, `node.listen.busy`,
 * `node.listen.impossible`
 */
export async function startNode(
  config: NodeConfig,
  options: { readonly logger?: Logger } = {},
): Promise<Node> {
  const { store, metrics, limits, retentionMs, maxStoreBytes, ...rest } = config
  const log =
    store.kind === 'memory'
      ? openMemoryLog({ ...(maxStoreBytes !== undefined && { maxBytes: maxStoreBytes }) })
      : await openSqliteLog(store.path, {
          ...(maxStoreBytes !== undefined && { maxFileBytes: maxStoreBytes }),
        })
  return createNode({
    ...rest,
    log,
    ...(metrics !== undefined && { metrics }),
    ...(limits !== undefined && { limits }),
    ...(retentionMs !== undefined && { retentionMs }),
    ...(options.logger !== undefined && { logger: options.logger }),
  })
}
