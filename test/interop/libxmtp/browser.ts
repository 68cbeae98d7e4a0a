// @xmtp/browser-sdk 7.1.0 (libxmtp as WASM, gRPC-Web, its database in a worker) in a page of headless Chromium. Every
// process is a browser with a profile of its own: browsers allow six connections to a node for all pages of a profile,
// and a client with streams holds two of them.
import { build } from 'esbuild'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { newClient } from './client.ts'
import type { ClientKind, ClientProcess, Wire } from './driver.ts'
import type { Answer } from './host.ts'
import { modules, problemOfModules, required } from './installed.ts'
import { createProcess, createRequests } from './process.ts'

const executablePath = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
].find((path) => existsSync(path))

// Left to itself it says in the console what it does: level 1 is errors.
const dialect = { optimistic: { optimistic: true }, options: { loggingLevel: 1 } }

export const browser: ClientKind = {
  sdk: 'browser-sdk',
  problem: problemOfModules() ?? problemOfChromium(),
  start: startPage,
}

/** A page that can be loaded again: its clients are gone then, and its databases are not. */
export async function startPage(): Promise<ClientProcess & { reload(): Promise<void> }> {
  const { reload, ...wire } = await openPage()
  const requests = createRequests(wire)
  const process = createProcess('browser-sdk', requests, (options) =>
    newClient(dialect, requests, options),
  )
  return { ...process, reload }
}

function problemOfChromium(): string | undefined {
  if (executablePath !== undefined) return undefined
  return required('There is no Chromium here for the browser SDK: `apt-get install chromium`.')
}

async function openPage(): Promise<Wire & { reload(): Promise<void> }> {
  const files = await pageFiles()
  const server = await serve(files)
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const instance = await chromium.launch({
    executablePath: executablePath!,
    // What a browser would look for in the network is not there in many places where tests run.
    args: ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
  })
  const page = await instance.newPage()
  const complaints: string[] = []
  page.on('console', (message) => complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(error.message))
  let listener: (answer: Answer | undefined) => void = () => {}
  page.on('close', () => listener(undefined))
  await page.exposeFunction('answer', (line: string) => listener(JSON.parse(line) as Answer))
  const loaded = () => page.waitForFunction(() => 'request' in globalThis)
  await page.goto(origin)
  await loaded()
  return {
    async reload() {
      await page.reload()
      await loaded()
    },
    send(request) {
      const line = JSON.stringify(request)
      const given = page.evaluate((text) => {
        const host = globalThis as unknown as { request(line: string): void }
        host.request(text)
      }, line)
      // A page that is gone has told its listener.
      given.catch(() => {})
    },
    onAnswer: (given) => void (listener = given),
    complaints: () => complaints.slice(-20).join('\n'),
    async close() {
      await instance.close()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

type Files = ReadonlyMap<string, { readonly type: string; readonly body: Uint8Array | string }>

let built: Promise<Files> | undefined

/** By path: the page, its program, and the worker and WASM where the SDK looks for them beside its program. */
function pageFiles(): Promise<Files> {
  built ??= (async () => {
    const sdk = join(modules, '@xmtp/browser-sdk/dist')
    const [program, worker] = await Promise.all([
      bundle(`import * as sdk from '${sdk}/index.js'
        import { serve } from './browser-host.ts'
        serve(sdk)`),
      bundle(`import '${sdk}/workers/client.js'`),
    ])
    const wasm = readFileSync(join(modules, '@xmtp/wasm-bindings/dist/bindings_wasm_bg.wasm'))
    const files = {
      '/': {
        type: 'text/html',
        body: '<!doctype html><script type="module" src="/page.js"></script>',
      },
      '/page.js': { type: 'text/javascript', body: program },
      '/workers/client': { type: 'text/javascript', body: worker },
      '/bindings_wasm_bg.wasm': { type: 'application/wasm', body: wasm },
      '/workers/bindings_wasm_bg.wasm': { type: 'application/wasm', body: wasm },
    }
    return new Map(Object.entries(files))
  })()
  return built
}

async function bundle(contents: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: import.meta.dirname, loader: 'ts' },
    bundle: true,
    // The SDK's worker, imported for what it does, says of itself that it does nothing when imported.
    ignoreAnnotations: true,
    platform: 'browser',
    format: 'esm',
    write: false,
    logLevel: 'error',
  })
  return outputFiles[0]!.text
}

async function serve(files: Files): Promise<Server> {
  const server = createServer(({ url = '/' }, response) => {
    const file = files.get(url)
    response
      .writeHead(file === undefined ? 404 : 200, {
        'content-type': file?.type ?? 'text/plain',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-embedder-policy': 'require-corp',
      })
      .end(file?.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}
