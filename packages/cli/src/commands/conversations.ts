import { Option } from 'commander'
import { conversations } from '../verbs/conversations.ts'
import { allow, deny, listConsent } from '../verbs/consent.ts'
import { dm } from '../verbs/dm.ts'
import { history } from '../verbs/history.ts'
import { save } from '../verbs/save.ts'
import { send } from '../verbs/send.ts'
import { stream } from '../verbs/stream.ts'
import { sync } from '../verbs/sync.ts'
import { addBranch, addVerb, type Tree } from './define.ts'

const somebody = '0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf'

const noSync = () => new Option('--no-sync', 'show what is in the store, and ask nobody')

export function addConversations(tree: Tree): void {
  addVerb(tree, {
    usage: 'conversations',
    does: 'List conversations, the one with the newest message first; denied ones are left out.',
    needs: 'installation',
    options: [
      new Option('--type <type>', 'only these').choices(['dm', 'group']),
      new Option('--consent <state>', 'only these').choices([
        'unknown',
        'allowed',
        'denied',
        'any',
      ]),
      new Option('--limit <count>', 'how many at most'),
      noSync(),
    ],
    examples: ['conversations', 'conversations --type group', 'conversations --consent denied'],
    verb: conversations,
  })
  addVerb(tree, {
    usage: 'dm <who> [text]',
    does: 'Begin the direct message with somebody unless there is one, and write a text there.',
    needs: 'installation',
    examples: [`dm ${somebody} "Hello from the terminal"`],
    verb: dm,
  })
}

export function addMessages(tree: Tree): void {
  addVerb(tree, {
    usage: 'send <conversation> [text]',
    does: 'Send a text, a file, a reply or a reaction. Somebody without conversation gets one.',
    needs: 'installation',
    options: [
      new Option('--markdown', 'the text is Markdown'),
      new Option('--file <file>', 'a file instead of a text, at most 1 MB').conflicts('markdown'),
      new Option('--reply-to <message>', 'the id of the message that this answers'),
      new Option(
        '--reaction <message>',
        'the id of the message that this text, an emoji, is about',
      ).conflicts(['markdown', 'file', 'replyTo']),
      new Option('--remove', 'take the reaction back'),
    ],
    examples: [
      'send Hiking "See you at nine"',
      `send ${somebody} --file ./map.png`,
      'send Hiking - < letter.txt',
      'send Hiking "Ten would be better" --reply-to 3f9a2c1b',
      'send Hiking 👍 --reaction 3f9a2c1b',
    ],
    verb: send,
  })
  addVerb(tree, {
    usage: 'history <conversation>',
    does: 'Print messages, the oldest first: the newest ones, or those before or after a place.',
    needs: 'installation',
    options: [
      new Option('--limit <count>', 'how many at most').default('50'),
      new Option('--before <place>', 'a time (ISO 8601) or the id of a message'),
      new Option('--after <place>', 'a time (ISO 8601) or the id of a message'),
      noSync(),
    ],
    examples: [
      'history Hiking',
      `history ${somebody} --limit 10`,
      'history Hiking --before 3f9a2c1b',
      'history Hiking --after 2026-11-21',
    ],
    verb: history,
  })
  addVerb(tree, {
    usage: 'save <conversation> <message> [file]',
    does: 'Write the file of a message, under its own name or another; never over one that is there.',
    needs: 'installation',
    examples: ['save Hiking 3f9a2c1b', 'save Hiking 3f9a2c1b ./map.png'],
    verb: save,
  })
  addVerb(tree, {
    usage: 'stream [conversation]',
    does: 'Print messages as they come, until Ctrl-C: of one conversation, or of all.',
    needs: 'installation',
    options: [
      new Option(
        '--durable <name>',
        'go on where the last run of this name ended: nothing is missed in between',
      ),
    ],
    examples: ['stream', 'stream Hiking', "stream --durable my-bot --json | jq -r '.text'"],
    verb: stream,
  })
  addVerb(tree, {
    usage: 'sync',
    does: 'Read everything that is new, send what waits, let those go who asked to leave.',
    needs: 'installation',
    examples: ['sync', 'sync --json'],
    verb: sync,
  })
}

export function addConsent(tree: Tree): void {
  const consent = addBranch(tree, {
    name: 'consent',
    does: 'Say whom and what is wanted. Lists and streams leave out what was denied.',
    examples: [`consent allow ${somebody}`, 'consent deny Spam', 'consent list'],
  })
  addVerb(consent, {
    usage: 'allow <conversation...>',
    does: 'Want conversations, or people and the direct messages with them.',
    needs: 'installation',
    examples: [`consent allow ${somebody}`, 'consent allow Hiking'],
    verb: allow,
  })
  addVerb(consent, {
    usage: 'deny <conversation...>',
    does: 'Do not want them.',
    needs: 'installation',
    examples: [`consent deny ${somebody}`, 'consent deny Spam'],
    verb: deny,
  })
  addVerb(consent, {
    usage: 'list',
    does: 'List what was decided.',
    needs: 'installation',
    examples: ['consent list', 'consent list --json'],
    verb: listConsent,
  })
}
