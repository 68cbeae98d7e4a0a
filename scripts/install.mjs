import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

/** Runs a command in the root of the project, its output shown; ends this process when it fails. */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
    ...options,
  })
  if (status !== 0) {
    if (error) console.error(error.message)
    process.exit(status ?? 1)
  }
}

/** Installs what the lock file says, unless that very lock file is installed already. */
export function ensureInstalled() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) {
    console.error(`xmtp-ts needs Node 20.19 or newer; this is ${process.versions.node}.`)
    process.exit(1)
  }
  const mark = `${root}/node_modules/.xmtp-ts-installed`
  const wanted = createHash('sha256')
    .update(readFileSync(`${root}/package-lock.json`))
    .digest('hex')
  if (existsSync(mark) && readFileSync(mark, 'utf8') === wanted) return
  console.error('Installing dependencies…')
  run('npm', ['ci'])
  writeFileSync(mark, wanted)
}

/** Compiles what has changed. */
export function build(...projects) {
  run(process.execPath, [`${root}/node_modules/typescript/bin/tsc`, '-b', ...projects])
}
