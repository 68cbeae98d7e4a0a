// @xmtp/node-sdk in processes of its own: the C library that its binding wants may be another one than ours.
import { build } from 'esbuild'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { newClient } from './client.ts'
import type { Answer } from './host.ts'
import type { ClientKind, Wire } from './driver.ts'
import { modules, problemOfModules, required, workFolder } from './installed.ts'
import { createProcess, createRequests } from './process.ts'

/** 6.0.0, libxmtp 1.10. */
export const native: ClientKind = kindOf('@xmtp/node-sdk')

/** What is to follow it, libxmtp 1.11, told to stream as XIP-83 says: one stream that both sides write to. */
export const nativeNext: ClientKind = kindOf('node-sdk-next', { XMTP_BIDI_STREAMS_ENABLED: '1' })

function kindOf(name: string, environment: NodeJS.ProcessEnv = {}): ClientKind {
  return {
    sdk: 'node-sdk',
    problem: problemOfModules() ?? problemOf(name),
    async start() {
      const requests = createRequests(spawnHost(await program(), name, environment))
      return createProcess('node-sdk', requests, (options) =>
        newClient({ optimistic: true, options: {} }, requests, options),
      )
    },
  }
}

function problemOf(name: string): string | undefined {
  if (existsSync(join(modules, name))) return undefined
  return required(`${name} is not installed: run \`npm run real-clients\` again.`)
}

let built: Promise<string> | undefined

/** The host as one file that plain Node runs. */
function program(): Promise<string> {
  built ??= (async () => {
    const outfile = join(workFolder(), 'host.mjs')
    await build({
      entryPoints: [join(import.meta.dirname, 'native-host.ts')],
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile,
      logLevel: 'error',
    })
    return outfile
  })()
  return built
}

function spawnHost(path: string, name: string, environment: NodeJS.ProcessEnv): Wire {
  const { loader } = JSON.parse(readFileSync(join(modules, '.ready.json'), 'utf8')) as {
    readonly loader: readonly string[]
  }
  const sdk = join(modules, name, 'dist/index.js')
  const [command, ...args] = [...loader, process.execPath, path, sdk]
  const env = { ...process.env, ...environment }
  const child = spawn(command, args, { stdio: 'pipe', env })
  const ended = once(child, 'close')
  let complaints = ''
  child.stderr.on('data', (chunk: Buffer) => (complaints = (complaints + chunk).slice(-4_000)))
  child.stdin.on('error', () => {})
  return {
    send: (request) => void child.stdin.write(`${JSON.stringify(request)}\n`),
    onAnswer(listener) {
      // libxmtp itself prints to the standard output too.
      createInterface(child.stdout).on('line', (line) => {
        if (/^\{"(?:id|stream)":/.test(line)) listener(JSON.parse(line) as Answer)
      })
      child.on('close', () => listener(undefined))
    },
    complaints: () => complaints,
    async close() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
