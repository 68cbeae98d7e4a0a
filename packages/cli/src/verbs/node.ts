import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { XmtpError } from '@xmtp-ts/client'
import { createLogger, parseNodeConfig, startNode, type Node, type NodeConfig } from '@xmtp-ts/node'
import { aborted } from '../io.ts'
import type { Verb } from '../verb.ts'

/** The flags, named as the settings of a node. */
export type NodeOptions = Readonly<Record<string, unknown>> & {
  readonly config?: string
  readonly json?: boolean
}

/** Runs a node until Ctrl-C. */
export const node: Verb<NodeOptions> = async (options, { io, reporter }) => {
  const { config: file, json = false, ...flags } = options
  const { XMTP_CHAIN_RPC_URLS: chainRpc } = io.env
  const inFile = file === undefined ? {} : await readSettings(file)
  const settings = { ...(chainRpc && { chainRpc }), ...inFile, ...flags }
  const config = parseNodeConfig(settings)
  const logger = createLogger({
    format: json ? 'json' : 'text',
    write: (line) => void io.stderr.write(`${line}\n`),
  })
  await using running = await startNode(config, { logger: { ...logger, info: () => undefined } })
  await reporter.result({
    json: {
      event: 'ready',
      listen: running.listen,
      metrics: running.metrics ?? null,
      history: running.history ?? null,
      store: storeOf(config),
    },
    text: welcome(running, config),
  })
  await aborted(io.signal)
  reporter.progress('Stopping …')
}

function storeOf({ store }: NodeConfig): Readonly<Record<string, unknown>> {
  return store.kind === 'memory'
    ? { kind: 'memory' }
    : { kind: 'sqlite', path: resolve(store.path) }
}

function welcome(
  { listen, history, metrics }: Pick<Node, 'listen' | 'history' | 'metrics'>,
  { store }: NodeConfig,
): string {
  const [first = ''] = listen
  const isLocal = first === 'http://127.0.0.1:5555'
  const network = isLocal ? '' : ` --env ${first}`
  return [
    'An XMTP node is running.',
    '',
    `  Listens on  ${listen.join('  ')}`,
    ...(history === undefined ? [] : [`  History     ${history}`]),
    ...(metrics === undefined ? [] : [`  Metrics     ${metrics}`]),
    `  Keeps       ${store.kind === 'memory' ? 'everything in memory, until it stops' : `everything in ${resolve(store.path)}`}`,
    '',
    'Next, in another terminal:',
    '',
    `  npx xmtp-ts identity create${network}`,
    `  npx xmtp-ts dm 0x… "Hello"${network}`,
    '',
    'Ctrl-C stops it.',
  ].join('\n')
}

async function readSettings(file: string): Promise<object> {
  try {
    const settings: unknown = JSON.parse(await readFile(file, 'utf8'))
    if (typeof settings === 'object' && settings !== null && !Array.isArray(settings))
      return settings
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new XmtpError('node.config.malformed', `${file} cannot be read (${why}).`, { cause })
  }
  throw new XmtpError('node.config.malformed', `${file} holds no JSON object.`)
}
