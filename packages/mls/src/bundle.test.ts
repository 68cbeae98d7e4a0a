import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { describe, expect, it } from 'vitest'

const maxBytes = 45_500

describe('the bundle for a browser', () => {
  it(`with suite 0x0003 and all cryptography has at most ${maxBytes} bytes, gzipped`, async () => {
    const names =
      'adoptCommit changesSince chacha20Poly1305Suite checkKeyPackage configFor createCommit createGroup ' +
      'createKeyPackage encryptMessage exportGroupSecret joinGroup loadGroup members platformRandom ' +
      'processMessage propose proposeUpdate retire'
    const result = await build({
      stdin: {
        contents: `export { ${names.replaceAll(' ', ', ')} } from './index.ts'`,
        resolveDir: fileURLToPath(new URL('.', import.meta.url)),
        loader: 'ts',
      },
      bundle: true,
      minify: true,
      format: 'esm',
      platform: 'browser',
      conditions: ['source', 'browser'],
      legalComments: 'none',
      write: false,
    })
    const [output] = result.outputFiles
    expect(/["']node:/.test(output!.text)).toBe(false)
    const { length } = gzipSync(output!.contents, { level: 9 })
    expect(length, `${length} bytes`).toBeLessThanOrEqual(maxBytes)
  })
})
