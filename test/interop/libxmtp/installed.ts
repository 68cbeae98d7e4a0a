import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../../..')

/** Where peers/libxmtp/install.mjs puts the published clients. */
export const modules = join(root, 'peers/libxmtp/node_modules')

/** Why no published client runs here, and what to do about it. */
export function problemOfModules(): string | undefined {
  if (existsSync(join(modules, '.ready.json'))) return undefined
  return required(
    'The published libxmtp clients are not installed: run `npm run real-clients` once.',
  )
}

/** A run that must skip nothing fails instead. */
export function required(problem: string): string {
  if (process.env['XMTP_TS_REAL_CLIENTS'] === 'required') throw new Error(problem)
  return problem
}

/** For files that one run of the tests makes. */
export function workFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'xmtp-ts-libxmtp-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}
