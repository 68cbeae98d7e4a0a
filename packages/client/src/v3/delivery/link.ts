/** What becomes of the connections that bring things in. */
export type LinkEvent =
  | { readonly kind: 'lost' }
  | { readonly kind: 'retry'; readonly attempt: number }
  | { readonly kind: 'restored' }

/** All connections of a feed as one: lost when one of them is, restored when all stand again. */
export type Link = {
  readonly isDown: () => boolean
  /** @returns what ends the listening */
  readonly listen: (listener: (event: LinkEvent) => void) => () => void
  /** One connection, by an object of its own. */
  readonly down: (connection: object) => void
  readonly trying: (connection: object) => void
  readonly up: (connection: object) => void
}

export function createLink(): Link {
  const listeners = new Set<(event: LinkEvent) => void>()
  const broken = new Set<object>()
  let attempt = 0
  const tell = (event: LinkEvent) => {
    for (const listener of listeners) listener(event)
  }
  return {
    isDown: () => broken.size > 0,
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    down(connection) {
      if (broken.size === 0) tell({ kind: 'lost' })
      broken.add(connection)
    },
    trying(connection) {
      if (!broken.has(connection)) return
      attempt += 1
      tell({ kind: 'retry', attempt })
    },
    up(connection) {
      if (!broken.delete(connection) || broken.size > 0) return
      attempt = 0
      tell({ kind: 'restored' })
    },
  }
}
