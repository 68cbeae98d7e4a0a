import { randomUUID } from 'node:crypto'
import { v3, verifyToken } from '@xmtp-ts/protocol'
import { createMethods } from './api/methods.ts'
import { createAuthorizer, type TokenPolicy } from './auth/authorizer.ts'
import type { Version } from './auth/version-gate.ts'
import { createBodyReader } from './edge/body.ts'
import { createGateway } from './edge/gateway.ts'
import { createGrpcWebEdge } from './edge/grpc-web.ts'
import { createGrpcEdge, type ConnectionPing } from './edge/grpc.ts'
import { createHttpEdge } from './edge/http.ts'
import { createConnections } from './edge/connections.ts'
import type { ListenAddress } from './edge/listener.ts'
import { createMemoryTransport, type MemoryTransport } from './edge/memory.ts'
import { openMetricsListener } from './edge/metrics-listener.ts'
import { addReflection } from './edge/reflection.ts'
import { createFeed } from './follow/envelope-feed.ts'
import { openV3Feed } from './follow/v3-feed.ts'
import { openArchives } from './history/archives.ts'
import { openFolderArchives } from './history/folder-archives.ts'
import {
  openHistoryServer,
  type HistoryParts,
  type HistoryServer,
} from './history/history-server.ts'
import { openMemoryArchives } from './history/memory-archives.ts'
import { createIngest } from './ingest/ingest.ts'
import { parseTrustedProxies } from './limit/client.ts'
import { createLimiter } from './limit/limiter.ts'
import {
  defaultReadsPerWindow,
  defaultWritesPerWindow,
  expirableRetentionMs,
  maxArchivesBytes,
  maxMemoryArchivesBytes,
  quietStreamMs as defaultQuietStreamMs,
  streamKeepaliveMs,
} from './limits.ts'
import type { EnvelopeLog } from './log/log.ts'
import type { V3Store } from './log/v3-store.ts'
import { silentLogger, type Logger } from './logger.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { startPruning } from './prune/prune.ts'
import { openIdentityVerifier } from './verify/worker-pool.ts'
import { createReadiness } from './readiness.ts'

/** What a node is made of. What is absent has the default of docs/node.md. */
export type NodeParts = {
  /** Belongs to the node from here on: closed with it, and when creating it fails. */
  readonly log: EnvelopeLog
  /** Belongs to the node like `log`. Without it the node serves V1 and V2 only. */
  readonly v3?: V3Store
  /** Who asks the chains about contract wallets; without it they cannot sign here. */
  readonly contracts?: v3.ContractVerifier
  /** None: the node is reached through `memory()` only. */
  readonly listen?: readonly ListenAddress[]
  /** Where to serve Prometheus metrics to others than this machine. */
  readonly metrics?: ListenAddress
  /** Where to serve the history service, and the folder for its archives; without one they stay in memory. */
  readonly history?: { readonly listen: ListenAddress; readonly folder?: string }
  /** Calls per client in five minutes. When given, clients on this machine are counted too. */
  readonly limits?: { readonly reads: number; readonly writes: number }
  readonly tokens?: TokenPolicy
  readonly privilegedWallets?: readonly string[]
  readonly deniedWallets?: readonly string[]
  readonly deniedAddresses?: readonly string[]
  /** Calls of an older libxmtp are refused; of any when not given. */
  readonly minLibxmtp?: Version | undefined
  /** Addresses or networks whose X-Forwarded-For is believed. */
  readonly trustedProxies?: readonly string[]
  readonly retentionMs?: number | undefined
  /** How long V3 keeps group messages that are no commits, and welcomes; for ever when not given. */
  readonly messageRetentionMs?: number | undefined
  readonly welcomeRetentionMs?: number | undefined
  readonly logger?: Logger
  /** Milliseconds since 1970. */
  readonly nowMs?: () => number
  /** Quiet time after which a JSON stream gets a space. */
  readonly quietStreamMs?: number
  /** How HTTP/2 connections are found to be dead. */
  readonly connectionPing?: ConnectionPing
  /** Quiet time after which a Subscribe stream of V3 is pinged, and again as much for the answer. */
  readonly streamKeepaliveMs?: number
}

/** A running node. Disposing it ends streams, closes connections and the log, in under a second. */
export type Node = AsyncDisposable & {
  /** Where it listens, `http://HOST:PORT`, in the order asked for. */
  readonly listen: readonly string[]
  /** Where it serves metrics to others, when asked to. */
  readonly metrics: string | undefined
  /** Where it serves the history service, when asked to. */
  readonly history: string | undefined
  /** The same methods without a network. */
  memory(): MemoryTransport
}

/**
 * Starts a node.
 * @throws XmtpError `node.listen.busy`, `node.listen.impossible`, `node.config.malformed`
 */
export async function createNode(parts: NodeParts): Promise<Node> {
  const running: AsyncDisposable[] = [parts.log, ...(parts.v3 === undefined ? [] : [parts.v3])]
  try {
    return await assemble(parts, running)
  } catch (error) {
    await disposeAll(running)
    throw error
  }
}

/** Wires the parts. What is running is put in `running` at once, in the order of starting. */
async function assemble(parts: NodeParts, running: AsyncDisposable[]): Promise<Node> {
  const { log, logger = silentLogger, nowMs = Date.now } = parts
  const start = <T extends AsyncDisposable>(part: T): T => {
    running.push(part)
    return part
  }
  const trusted = parseTrustedProxies(parts.trustedProxies ?? [])
  const retention = {
    envelopesMs: parts.retentionMs ?? expirableRetentionMs,
    groupMessagesMs: parts.messageRetentionMs,
    welcomesMs: parts.welcomeRetentionMs,
  }
  start(startPruning({ log, v3: parts.v3, logger, retention, nowMs }))
  const limiter = createLimiter({
    readsPerWindow: parts.limits?.reads ?? defaultReadsPerWindow,
    writesPerWindow: parts.limits?.writes ?? defaultWritesPerWindow,
    countsLoopback: parts.limits !== undefined,
    nowMs: () => performance.now(),
  })
  const authorizer = createAuthorizer({
    tokens: parts.tokens ?? 'owned',
    privilegedWallets: new Set(parts.privilegedWallets),
    deniedWallets: new Set(parts.deniedWallets?.map((wallet) => wallet.toLowerCase())),
    deniedAddresses: new Set(parts.deniedAddresses),
    nowNs: () => BigInt(nowMs()) * 1_000_000n,
    verifyToken,
  })

  // Disposed in reverse: streams end, their connections drain, and the log closes last.
  const connections = start(createConnections())
  const feed = start(await createFeed(log, logger))
  const readiness = start(createReadiness(log))
  const v3Feeds = parts.v3 && {
    groupFeed: start(await openV3Feed(parts.v3.groupMessages, logger)),
    welcomeFeed: start(await openV3Feed(parts.v3.welcomes, logger)),
  }
  const feeds = [feed, ...Object.values(v3Feeds ?? {})]
  const metrics = createMetrics({ log, feeds, limiter })
  const ingest = createIngest(log, feed)
  const v3Services = parts.v3 &&
    v3Feeds && {
      store: parts.v3,
      ...v3Feeds,
      contracts: parts.contracts ?? v3.noChains,
      verifier: start(openIdentityVerifier(logger)),
      streamKeepaliveMs: parts.streamKeepaliveMs ?? streamKeepaliveMs,
      authorizer,
      limiter,
      metrics,
      nowMs,
    }
  const methods = createMethods({
    log,
    feed,
    ingest,
    authorizer,
    limiter,
    metrics,
    nowMs,
    readiness,
    logger,
    v3: v3Services,
    minLibxmtp: parts.minLibxmtp,
  })
  const { quietStreamMs = defaultQuietStreamMs } = parts
  const bodies = createBodyReader()
  const grpc = createGrpcEdge(methods, { trusted, ping: parts.connectionPing })
  const http = createHttpEdge({
    gateway: createGateway({ methods, bodies, trusted, quietMs: quietStreamMs }),
    grpcWeb: createGrpcWebEdge({ methods, bodies, trusted }),
    readiness,
    metrics,
    logger,
  })
  connections.serve({ grpc, http })
  const protocols = { http1: http.inject, http2: grpc.inject }
  const listeners = await connections.listen(parts.listen ?? [], protocols)
  const history =
    parts.history &&
    start(await openHistory(parts.history, { limiter, trusted, metrics, logger, nowMs }))
  const metricsListener = parts.metrics && start(await openMetricsListener(parts.metrics, metrics))
  addReflection(grpc.server).catch((error: unknown) => logger.error('reflection', { error }))
  start({ [Symbol.asyncDispose]: async () => connections.stopAccepting() })

  return {
    listen: listeners.map(({ url }) => url),
    metrics: metricsListener?.url,
    history: history?.url,
    memory: () => createMemoryTransport(methods),
    [Symbol.asyncDispose]: () => disposeAll(running),
  }
}

async function openHistory(
  { listen, folder }: NonNullable<NodeParts['history']>,
  {
    metrics,
    nowMs,
    ...parts
  }: Omit<HistoryParts, 'archives' | 'metrics'> & {
    readonly metrics: Metrics
    readonly nowMs: () => number
  },
): Promise<HistoryServer> {
  const storage = folder === undefined ? openMemoryArchives() : await openFolderArchives(folder)
  const maxTotalBytes = folder === undefined ? maxMemoryArchivesBytes : maxArchivesBytes
  const archives = await openArchives({ storage, maxTotalBytes, nowMs, newId: randomUUID })
  metrics.watchArchives(archives)
  return openHistoryServer(listen, { ...parts, metrics, archives })
}

/** Disposes in reverse order; what is disposed is taken out, so that a second call does nothing. */
async function disposeAll(running: AsyncDisposable[]): Promise<void> {
  for (let part = running.pop(); part !== undefined; part = running.pop())
    await part[Symbol.asyncDispose]()
}
