import { Option } from 'commander'
import { canMessage } from '../v2/verbs/can-message.ts'
import { conversations } from '../v2/verbs/conversations.ts'
import { createIdentity, showIdentity } from '../v2/verbs/identity.ts'
import { messages } from '../v2/verbs/messages.ts'
import { send } from '../v2/verbs/send.ts'
import { stream } from '../v2/verbs/stream.ts'
import { addBranch, addVerb, type Tree } from './define.ts'

const somebody = '0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf'

const conversation = () =>
  new Option('--conversation <id>', 'the conversation with this conversationId')

/** The conversations of V2: accounts, no groups, no installations. */
export function addV2(tree: Tree): void {
  const v2 = addBranch(tree, {
    name: 'v2',
    does: 'The conversations of V2, apart from those of V3.',
    examples: ['v2 identity create', `v2 send ${somebody} "Hello"`, 'v2 stream'],
  })
  addAccount(v2)
  addVerb(v2, {
    usage: 'send <address> <text>',
    does: 'Send a text; begins the conversation if there is none.',
    needs: 'wallet',
    options: [conversation()],
    examples: [`v2 send ${somebody} "Hello from the terminal"`],
    verb: send,
  })
  addVerb(v2, {
    usage: 'conversations',
    does: 'List all conversations, the oldest first.',
    needs: 'wallet',
    examples: ['v2 conversations --json'],
    verb: conversations,
  })
  addVerb(v2, {
    usage: 'messages <address>',
    does: 'Print the newest messages with an account, the oldest of them first.',
    needs: 'wallet',
    options: [conversation(), new Option('--limit <count>', 'how many at most').default('100')],
    examples: [`v2 messages ${somebody} --limit 10`],
    verb: messages,
  })
  addVerb(v2, {
    usage: 'stream',
    does: 'Print messages of all conversations as they come, until Ctrl-C.',
    needs: 'wallet',
    examples: ['v2 stream', "v2 stream --json | jq -r '.text'"],
    verb: stream,
  })
}

function addAccount(v2: Tree): void {
  const identity = addBranch(v2, {
    name: 'identity',
    does: 'Register an account for V2, or show it.',
    examples: ['v2 identity create', 'v2 identity show'],
  })
  addVerb(identity, {
    usage: 'create',
    does: 'Make a wallet key unless there is one, and register its account.',
    needs: 'wallet',
    examples: ['v2 identity create', 'v2 identity create --key-file ./alice.key'],
    verb: createIdentity,
  })
  addVerb(identity, {
    usage: 'show',
    does: 'Show address, registration and key fingerprints. Changes nothing.',
    needs: 'wallet',
    examples: ['v2 identity show --json'],
    verb: showIdentity,
  })
  addVerb(v2, {
    usage: 'can-message <address...>',
    does: 'Tell whether accounts are on the network of V2. Needs no key.',
    needs: 'network',
    examples: [`v2 can-message ${somebody}`],
    verb: canMessage,
  })
}
