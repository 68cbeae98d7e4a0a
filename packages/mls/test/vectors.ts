import { existsSync, readFileSync } from 'node:fs'

/** Bytes of hexadecimal text. */
export function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'))
}

/** The working group's vectors, which lie beside the repository where they may; undefined elsewhere. */
export function workingGroupVectors(name: string): any[] | undefined {
  const file = new URL(`../../../../shared/vectors/mls/${name}.json`, import.meta.url)
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
}

/** One of our own captures of libxmtp, reduced to what MLS reads. */
export function ownCapture(name: string): any {
  const file = new URL(`./vectors/xmtp-${name}.json`, import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8'))
}
