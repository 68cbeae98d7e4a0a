import type { InboxId } from './identity/identifier.ts'

/**
 * The name under which a client keeps all groups of one pair together, whoever created them (v3-mls §3.7). Local: it
 * is never sent.
 */
export function directMessageId(a: InboxId, b: InboxId): string {
  return `dm:${[a, b].toSorted().join(':')}`
}
