import { percentile, printTable } from './support.ts'
import { kinds, type Kind } from './v3-client-process.ts'
import type { Took } from './v3-client-host.ts'

type Samples = Record<Kind, number[]>
type Row = { readonly what: string; readonly values: Samples; readonly cpu: Samples }

/** What was measured so far, row by row. */
export type Results = {
  /** Milliseconds, and those of CPU if it is known. */
  readonly note: (what: string, kind: Kind, took: Pick<Took, 'ms'> & Partial<Took<unknown>>) => void
  readonly print: (title: string) => void
}

export function createResults(): Results {
  let rows = new Map<string, Row>()
  const rowOf = (what: string) => {
    const row = rows.get(what) ?? {
      what,
      values: { theirs: [], ours: [] },
      cpu: { theirs: [], ours: [] },
    }
    rows.set(what, row)
    return row
  }
  return {
    note(what, kind, { ms, cpuMs }) {
      const { values, cpu } = rowOf(what)
      values[kind].push(ms)
      if (cpuMs !== undefined) cpu[kind].push(cpuMs)
    },
    print(title) {
      if (rows.size === 0) return
      console.log(`${title}\n`)
      printTable([...rows.values()].map(columnsOf))
      rows = new Map()
    },
  }
}

const median = (values: readonly number[]) => percentile(values, 0.5)
const spread = (values: readonly number[]) =>
  `${short(percentile(values, 0.1))}–${short(percentile(values, 0.9))}`
const short = (value: number) =>
  value.toLocaleString('en', { maximumSignificantDigits: value >= 1_000 ? 4 : 3 })

function columnsOf({ what, values, cpu }: Row): Readonly<Record<string, string | number>> {
  const [theirs, ours] = kinds.map((kind) => median(values[kind])) as [number, number]
  return {
    what,
    rounds: values.ours.length,
    theirs: short(theirs),
    ours: short(ours),
    'ours/theirs': (ours / theirs).toFixed(2),
    'theirs 10–90 %': spread(values.theirs),
    'ours 10–90 %': spread(values.ours),
    'CPU theirs': cpu.theirs.length === 0 ? '' : short(median(cpu.theirs)),
    'CPU ours': cpu.ours.length === 0 ? '' : short(median(cpu.ours)),
  }
}
