import { describe, expect, it } from 'vitest'
import { onAbort } from './on-abort.ts'

describe('who waits for a signal', () => {
  it('hears of it once, unless that was undone', () => {
    const controller = new AbortController()
    const heard: number[] = []
    onAbort(controller.signal, () => heard.push(1))
    const undo = onAbort(controller.signal, () => heard.push(2))
    onAbort(controller.signal, () => heard.push(3))
    undo()
    controller.abort()
    controller.abort()
    expect(heard).toEqual([1, 3])
  })

  it('is no leak to Node, however many they are', async () => {
    const warnings: string[] = []
    const note = ({ name }: Error) => warnings.push(name)
    process.on('warning', note)
    const { signal } = new AbortController()
    for (let index = 0; index < 50; index += 1) onAbort(signal, () => undefined)
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', note)
    expect(warnings).toEqual([])
  })
})
