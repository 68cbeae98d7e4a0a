import { XmtpError, type ErrorCode } from '@xmtp-ts/client'

/** What each exit code means, as docs/cli.md and `--help` have it. */
export const exitCodes: Readonly<Record<number, string>> = {
  0: 'done; `stream` and `node` end with it at Ctrl-C too',
  1: 'a fault of this program, or of the node',
  2: 'the command line is wrong, or an address in it',
  3: 'no usable wallet key',
  4: 'the node cannot be reached, or has no time now: try again',
  5: 'the other account cannot be written to',
  6: 'the node or the inbox refuses the request, or the stored keys do not open',
  7: 'the node cannot start: its settings, its ports or its store',
  8: 'no such conversation, message or installation, or several that fit',
  9: 'the group does not allow it, or we are not in it',
  10: 'the store, or the archive, cannot be used: its key, its version or its file',
  130: 'Ctrl-C: ended before it was done',
}

/** By the beginning of the code; the longest that fits decides. */
const byPrefix: Readonly<Record<string, number>> = {
  'cli.usage': 2,
  'cli.file.': 2,
  'address.': 2,
  'client.env.': 2,
  'v3.identity.identifier.': 2,
  'v3.identity.inboxId.': 2,
  'v3.group.attributeTooLong': 2,
  'bytes.tooLong': 2,
  'cli.key.': 3,
  'client.keyStore.': 3,
  'client.signer.': 3,
  'client.network.': 4,
  'client.network.malformedAnswer': 1,
  'client.network.answerTooLong': 1,
  'client.node.unavailable': 4,
  'client.node.busy': 4,
  'client.stream.failed': 4,
  'client.group.lostRaces': 4,
  'client.group.unsettled': 4,
  'client.store.busy': 4,
  'client.peer.': 5,
  'client.inbox.unknown': 5,
  'client.group.noKeyPackage': 5,
  'client.node.': 6,
  'client.node.failed': 1,
  'client.inbox.': 6,
  'v3.identity.': 6,
  'keyBundle.': 6,
  'node.config.': 7,
  'node.listen.': 7,
  'node.store.': 7,
  'cli.conversation.': 8,
  'cli.message.': 8,
  'cli.installation.': 8,
  'cli.installation.revoked': 6,
  'client.conversation.unknown': 8,
  'client.conversation.': 9,
  'client.group.': 9,
  'v3.group.': 9,
  'client.store.': 10,
  'cli.storeKey.': 10,
  'client.archive.': 10,
  'cli.archiveKey.': 10,
}

export function exitCodeOf(error: unknown): number {
  return error instanceof XmtpError ? exitCodeOfCode(error.code) : 1
}

function exitCodeOfCode(code: ErrorCode): number {
  const fitting = Object.keys(byPrefix).filter((prefix) => code.startsWith(prefix))
  const longest = fitting.toSorted((a, b) => b.length - a.length)[0]
  return longest === undefined ? 1 : (byPrefix[longest] ?? 1)
}
