import { readFileSync } from 'node:fs'
import { describe, expect, it, vi } from 'vitest'
import { limits } from './limits.ts'

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')

describe('the README', () => {
  it('shows the example that is run here', async () => {
    const example = read('../test/example.ts')
    expect(read('../README.md')).toContain(example)
    const log = vi.spyOn(console, 'log').mockImplementation(() => {})
    await import('../test/example.ts')
    expect(log.mock.calls).toEqual([['hello', 'from leaf', 1]])
    log.mockRestore()
  })

  it('and the limits are all in use', () => {
    const files =
      'codec/tls crypto/platform.node crypto/verified group/config group/proposal-rules group/send message/wire ' +
      'schedule/key-schedule tree/members'
    const source = files
      .split(' ')
      .map((file) => read(`./${file}.ts`))
      .join('\n')
    for (const name of Object.keys(limits)) expect(source, name).toContain(`limits.${name}`)
  })
})
