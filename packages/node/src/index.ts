export { createNode } from './node.ts'
export type { Node, NodeParts } from './node.ts'
export { startNode } from './start-node.ts'
export { parseNodeConfig } from './config.ts'
export type { NodeConfig, NodeSettings } from './config.ts'
export type { ListenAddress } from './edge/listener.ts'
export type { TokenPolicy } from './auth/authorizer.ts'
export { CallError } from './edge/memory.ts'
export type { MemoryCallOptions, MemoryTransport } from './edge/memory.ts'
export { createChainVerifier } from './chain/chain-verifier.ts'
export type { ChainOptions } from './chain/chain-verifier.ts'
export { createLogger, silentLogger } from './logger.ts'
export type { LogFields, Logger } from './logger.ts'
export { checkEnvelope } from './ingest/check.ts'
export type { IncomingEnvelope } from './ingest/check.ts'
export { openMemoryLog } from './log/memory.ts'
export { openSqliteLog } from './log/sqlite.ts'
export { openMemoryV3Store } from './log/v3-memory.ts'
export { openSqliteStore } from './log/v3-sqlite.ts'
export type { NodeStore } from './log/v3-sqlite.ts'
export type {
  IdentityAppend,
  IdentityStore,
  KeyPackageStore,
  Pruned,
  StoredState,
  V3Entry,
  V3Item,
  V3Log,
  V3Page,
  V3PageResult,
  V3Place,
  V3Read,
  V3Store,
} from './log/v3-store.ts'
export type { SqliteLogOptions } from './log/sqlite-file.ts'
export type {
  Appended,
  CheckedEnvelope,
  EnvelopeLog,
  LoggedEnvelope,
  LogHealth,
  LogPage,
  LogQuery,
  LogRead,
  QueryCursor,
} from './log/log.ts'
