import { Option } from 'commander'
import { createArchive, importArchive, showArchive } from '../verbs/archive.ts'
import { addBranch, addVerb, type Tree } from './define.ts'

export function addArchive(tree: Tree): void {
  const archive = addBranch(tree, {
    name: 'archive',
    does: 'Carry messages and decisions to another device of the same inbox, as a file.',
    examples: ['archive create ./all.xmtp', 'archive import ./all.xmtp'],
  })
  addVerb(archive, {
    usage: 'create <file>',
    does: 'Write what this device has to a file, encrypted; its key goes to a file beside it.',
    needs: 'installation',
    options: [
      new Option('--only <what>', 'only these').choices(['messages', 'consent']),
      new Option('--since <time>', 'only messages after a time (ISO 8601)'),
      keyOption(),
    ],
    examples: ['archive create ./all.xmtp', 'archive create ./june.xmtp --since 2026-06-01'],
    verb: createArchive,
  })
  addVerb(archive, {
    usage: 'import <file>',
    does: 'Take in what an archive has and this device has not.',
    needs: 'installation',
    options: [keyOption()],
    examples: ['archive import ./all.xmtp'],
    verb: importArchive,
  })
  addVerb(archive, {
    usage: 'info <file>',
    does: 'Tell what an archive has. Takes nothing in, and makes no installation.',
    needs: 'wallet',
    options: [keyOption()],
    examples: ['archive info ./all.xmtp'],
    verb: showArchive,
  })
}

function keyOption(): Option {
  return new Option('--archive-key <file>', 'the key of the archive (default: <file>.key)')
}
