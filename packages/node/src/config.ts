import { join } from 'node:path'
import { parseAddress, XmtpError } from '@xmtp-ts/protocol'
import type { TokenPolicy } from './auth/authorizer.ts'
import { parseVersion, type Version } from './auth/version-gate.ts'
import type { ListenAddress } from './edge/listener.ts'
import { parseTrustedProxies } from './limit/client.ts'

/** A checked configuration. Every setting is described in docs/node.md. */
export type NodeConfig = {
  readonly listen: readonly ListenAddress[]
  /** The file of the store, or the memory of the process. */
  readonly store: { readonly kind: 'memory' } | { readonly kind: 'sqlite'; readonly path: string }
  readonly metrics: ListenAddress | undefined
  readonly history: ListenAddress | undefined
  readonly limits: { readonly reads: number; readonly writes: number } | undefined
  readonly tokens: TokenPolicy
  readonly privilegedWallets: readonly string[]
  readonly deniedWallets: readonly string[]
  readonly deniedAddresses: readonly string[]
  readonly trustedProxies: readonly string[]
  readonly minLibxmtp: Version | undefined
  readonly retentionMs: number | undefined
  readonly messageRetentionMs: number | undefined
  readonly welcomeRetentionMs: number | undefined
  readonly maxStoreBytes: number | undefined
  /** By chain id, the URL of a JSON-RPC server. */
  readonly chains: ReadonlyMap<bigint, string>
}

/** Settings as flags or a JSON file give them. Strings everywhere; numbers and booleans where JSON has them. */
export type NodeSettings = {
  readonly listen?: readonly string[]
  readonly data?: string
  readonly memory?: boolean
  readonly metrics?: string
  readonly history?: string
  readonly limits?: string
  readonly tokens?: string
  readonly privilegedWallets?: readonly string[]
  readonly denyWallets?: readonly string[]
  readonly denyAddresses?: readonly string[]
  readonly trustedProxies?: readonly string[]
  readonly minLibxmtp?: string
  readonly retentionDays?: number | string
  readonly messageRetentionDays?: number | string
  readonly welcomeRetentionDays?: number | string
  readonly maxStoreBytes?: number | string
  readonly chainRpc?: readonly string[] | string
}

/** The ports that published SDKs use for `env: 'local'`. */
const defaultListen = ['127.0.0.1:5555', '127.0.0.1:5556', '127.0.0.1:5557']
/** Where SDKs look for the history service in `env: 'local'`. */
const defaultHistory = '127.0.0.1:5558'
const defaultFolder = '.xmtp-ts'
const storeFile = 'node.db'

const settingNames: ReadonlySet<string> = new Set([
  'listen',
  'data',
  'memory',
  'metrics',
  'history',
  'limits',
  'tokens',
  'privilegedWallets',
  'denyWallets',
  'denyAddresses',
  'trustedProxies',
  'minLibxmtp',
  'retentionDays',
  'messageRetentionDays',
  'welcomeRetentionDays',
  'maxStoreBytes',
  'chainRpc',
] satisfies (keyof NodeSettings)[])

/**
 * Checks settings from flags or a parsed JSON file.
 * @throws XmtpError `node.config.malformed` that names the setting
 */
export function parseNodeConfig(settings: unknown): NodeConfig {
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings))
    throw malformed('The settings', 'must be an object')
  const given = new Map<string, unknown>(
    Object.entries(settings).filter(([, value]) => value !== undefined && value !== null),
  )
  for (const name of given.keys())
    if (!settingNames.has(name)) throw malformed(`Setting ${JSON.stringify(name)}`, 'is unknown')
  const listen = listOf(given, 'listen') ?? defaultListen
  const metrics = textOf(given, 'metrics')
  // One who names the ports names all of them.
  const history = textOf(given, 'history') ?? (given.has('listen') ? 'off' : defaultHistory)
  const trustedProxies = listOf(given, 'trustedProxies') ?? []
  parseTrustedProxies(trustedProxies)
  return {
    listen: listen.map((text) => parseListenAddress(text, 'listen')),
    store: parseStore(given),
    metrics: metrics === undefined ? undefined : parseListenAddress(metrics, 'metrics'),
    history: history === 'off' ? undefined : parseListenAddress(history, 'history'),
    limits: parseLimits(textOf(given, 'limits')),
    tokens: parseTokens(textOf(given, 'tokens')),
    privilegedWallets: walletsOf(given, 'privilegedWallets'),
    deniedWallets: walletsOf(given, 'denyWallets'),
    deniedAddresses: listOf(given, 'denyAddresses') ?? [],
    trustedProxies,
    minLibxmtp: parseMinLibxmtp(textOf(given, 'minLibxmtp')),
    retentionMs: daysOf(given, 'retentionDays'),
    messageRetentionMs: daysOf(given, 'messageRetentionDays'),
    welcomeRetentionMs: daysOf(given, 'welcomeRetentionDays'),
    maxStoreBytes: numberOf(given, 'maxStoreBytes'),
    chains: parseChains(listOf(given, 'chainRpc') ?? []),
  }
}

/** Items are `eip155:1=https://…`, several in one text behind commas. URLs are not repeated in errors: they hold keys. */
function parseChains(texts: readonly string[]): NodeConfig['chains'] {
  const chains = new Map<bigint, string>()
  for (const text of texts.flatMap((each) => each.split(/,(?=eip155:)/))) {
    const [, id = '', url = ''] = /^eip155:([0-9]{1,19})=(\S+)$/.exec(text.trim()) ?? []
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
      throw malformed('chainRpc', 'must be eip155:CHAIN=https://… for each chain')
    if (chains.has(BigInt(id))) throw malformed('chainRpc', `names eip155:${id} twice`)
    chains.set(BigInt(id), url)
  }
  return chains
}

type Given = ReadonlyMap<string, unknown>

function parseStore(given: Given): NodeConfig['store'] {
  const memory = given.get('memory') ?? false
  if (typeof memory !== 'boolean') throw malformed('memory', 'must be true or false')
  const data = textOf(given, 'data')
  if (memory && data !== undefined) throw malformed('memory and data', 'exclude each other')
  return memory
    ? { kind: 'memory' }
    : { kind: 'sqlite', path: join(data ?? defaultFolder, storeFile) }
}

function parseListenAddress(text: string, name: string): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s[\]]+)):(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host === undefined || port > 65_535)
    throw malformed(name, `must be HOST:PORT, not ${JSON.stringify(text)}`)
  return { host, port }
}

function parseLimits(text: string | undefined): NodeConfig['limits'] {
  if (text === undefined) return undefined
  const match = /^(\d{1,9}),(\d{1,9})$/.exec(text)
  const reads = Number(match?.[1])
  const writes = Number(match?.[2])
  if (match === null || reads === 0 || writes === 0)
    throw malformed('limits', 'must be READS,WRITES per 5 minutes, as in 20000,3000')
  return { reads, writes }
}

function parseMinLibxmtp(text: string | undefined): Version | undefined {
  const version = text === undefined ? undefined : parseVersion(text)
  if (text !== undefined && version === undefined)
    throw malformed('minLibxmtp', 'must be a version, as in 1.1.5')
  return version
}

function parseTokens(text: string | undefined): TokenPolicy {
  switch (text) {
    case undefined:
    case 'owned':
      return 'owned'
    case 'all':
    case 'off':
      return text
    default:
      throw malformed('tokens', 'must be owned, all or off')
  }
}

function walletsOf(given: Given, name: string): readonly string[] {
  return (listOf(given, name) ?? []).map((text) => {
    try {
      return parseAddress(text)
    } catch (cause) {
      throw malformed(name, `holds ${JSON.stringify(text)}, which is no address`, cause)
    }
  })
}

function textOf(given: Given, name: string): string | undefined {
  const value = given.get(name)
  if (value !== undefined && (typeof value !== 'string' || value === ''))
    throw malformed(name, 'must be a text')
  return value
}

function listOf(given: Given, name: string): readonly string[] | undefined {
  const value = given.get(name)
  if (value === undefined) return undefined
  const list: unknown[] = Array.isArray(value) ? value : [value]
  return list.map((item) => {
    if (typeof item !== 'string') throw malformed(name, 'must be a list of texts')
    return item
  })
}

function numberOf(given: Given, name: string): number | undefined {
  const value = given.get(name)
  if (value === undefined) return undefined
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof number !== 'number' || !Number.isFinite(number) || number <= 0)
    throw malformed(name, 'must be a number above 0')
  return number
}

/** @returns milliseconds */
function daysOf(given: Given, name: string): number | undefined {
  const days = numberOf(given, name)
  return days === undefined ? undefined : days * 86_400_000
}

function malformed(name: string, reason: string, cause?: unknown): XmtpError {
  return new XmtpError('node.config.malformed', `${name} ${reason}.`, { cause })
}
