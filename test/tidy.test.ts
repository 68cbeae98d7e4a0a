import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { errorCodes, limits } from '@xmtp-ts/protocol'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

function files(folder: string, ending: string): string[] {
  return readdirSync(`${root}/${folder}`, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => relative(root, `${entry.parentPath}/${entry.name}`))
    .filter((path) => !/node_modules|\/dist\/|\/gen\/|\.tmp/.test(path))
}

const read = (path: string) => readFileSync(`${root}/${path}`, 'utf8')

const sources = files('packages', '.ts').filter((path) => !path.endsWith('.test.ts'))

/** Lines that a source file may have without being looked at again. */
const maxLines = 300

/** Those that were looked at and are one thing, with the size at that time. They may shrink and not grow. */
const longFiles: Readonly<Record<string, number>> = {
  'packages/client/src/limits.ts': 400,
  'packages/mls/src/message/wire.ts': 310,
  'packages/mls/src/state/records.ts': 310,
  'packages/protocol/src/errors.ts': 400,
}

describe('the house', () => {
  it('docs/errors.md is the table of codes', () => {
    const rows = Object.entries(errorCodes).map(
      ([code, { retry, fix }]) => `| \`${code}\` | ${retry ? 'yes' : 'no'} | ${fix} |`,
    )
    const documented = read('docs/errors.md')
      .split('\n')
      .filter((line) => line.startsWith('| `'))
    expect(documented).toEqual(rows)
  })

  it('every error code is used', () => {
    const text = sources
      .filter((path) => !path.endsWith('protocol/src/errors.ts'))
      .map(read)
      .join('\n')
    const unused = Object.keys(errorCodes).filter((code) => !text.includes(`'${code}'`))
    expect(unused).toEqual([])
  })

  it('every limit is used', () => {
    const text = sources
      .filter((path) => !path.endsWith('/limits.ts'))
      .map(read)
      .join('\n')
    expect(Object.keys(limits).filter((name) => !text.includes(name))).toEqual([])
  })

  it('files stay short', () => {
    const long = sources
      .map((path) => ({ path, lines: read(path).split('\n').length }))
      .filter(({ path, lines }) => lines > (longFiles[path] ?? maxLines))
    expect(long).toEqual([])
  })

  it('client and node do not know each other', () => {
    const imports = (room: string, other: string) =>
      sources.filter(
        (path) => path.startsWith(`packages/${room}/`) && read(path).includes(`'@xmtp-ts/${other}`),
      )
    expect(imports('client', 'node')).toEqual([])
    expect(imports('node', 'client')).toEqual([])
  })

  it('code in README and docs compiles', () => {
    const folder = `${root}/test/.tmp/docs`
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    const pages = ['README.md', ...files('docs', '.md'), ...files('packages', 'README.md')]
    for (const page of pages) {
      const blocks = [...read(page).matchAll(/^```ts\n(.*?)^```/gms)].map(([, block]) => block)
      for (const [index, block] of blocks.entries()) {
        const name = `${page.replaceAll(/[/.]/g, '-')}-${index}.ts`
        writeFileSync(`${folder}/${name}`, `export {}\n${block}`)
      }
    }
    writeFileSync(
      `${folder}/tsconfig.json`,
      JSON.stringify({
        extends: '../../../tsconfig.base.json',
        compilerOptions: {
          noEmit: true,
          composite: false,
          incremental: false,
          declaration: false,
          declarationMap: false,
          noUnusedLocals: false,
          // The declarations that a user of the packages sees.
          customConditions: [],
          types: ['node'],
          lib: ['ES2023', 'ESNext.Disposable', 'DOM', 'DOM.Iterable'],
        },
        include: ['*.ts'],
      }),
    )
    try {
      execFileSync(process.execPath, [`${root}/node_modules/typescript/bin/tsc`, '-p', folder])
    } catch (error) {
      expect.fail(String((error as { stdout?: Buffer }).stdout))
    }
  })
})
