import { Command, CommanderError, Option } from 'commander'
import { XmtpError } from '@xmtp-ts/client/v2'
import type { AccountOptions, NetworkOptions } from './account.ts'
import { exitCodeOf, exitCodes } from './exit-codes.ts'
import type { Io } from './io.ts'
import { createReporter, reportError } from './report.ts'
import { cliVersion } from './version.ts'
import type { VerbContext } from './verb.ts'
import { canMessage } from './verbs/can-message.ts'
import { conversations } from './verbs/conversations.ts'
import { createIdentity, showIdentity } from './verbs/identity.ts'
import { messages, type MessagesOptions } from './verbs/messages.ts'
import { node, type NodeOptions } from './verbs/node.ts'
import { send, type ConversationOptions } from './verbs/send.ts'
import { stream } from './verbs/stream.ts'

/**
 * Runs one command line. Never throws, never ends the process, so that tests and `npm start` can call it.
 * @param argv the arguments after the program's name
 * @returns the exit code; docs/cli.md lists them
 */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const json = argv.includes('--json')
  const outcome = { exitCode: 0 }
  try {
    await createProgram(io, outcome).parseAsync(argv, { from: 'user' })
    return outcome.exitCode
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0
    const known = error instanceof CommanderError ? usageError(error) : error
    reportError(io, known, { json })
    return exitCodeOf(known)
  }
}

function usageError({ message }: CommanderError): XmtpError {
  const text = message.replace(/^error: /, '').replaceAll('\n', ' ')
  return new XmtpError('cli.usage', text === '(outputHelp)' ? 'A command is missing.' : `${text}.`)
}

type Outcome = { exitCode: number }

function createProgram(io: Io, outcome: Outcome): Command {
  const program = new Command('xmtp-ts')
    .description('XMTP from a terminal: run a node, register an account, write and read messages.')
    .version(cliVersion, '--version', 'print the version')
    .configureHelp({ helpWidth: 100 })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      // Errors are reported once, by `main`.
      writeErr: () => undefined,
    })
    .addHelpText('after', exitCodeHelp())
  /** What a verb works with, and what becomes of its answer. */
  const run = async (
    options: { readonly json?: boolean },
    verb: (context: VerbContext) => Promise<number | void>,
  ) => {
    const reporter = createReporter(io, { json: options.json === true })
    outcome.exitCode = (await verb({ io, reporter })) ?? 0
  }
  addNode(program, run)
  addIdentity(program, run)
  addConversations(program, run)
  return program
}

type Run = (
  options: { readonly json?: boolean },
  verb: (context: VerbContext) => Promise<number | void>,
) => Promise<void>

function addNode(program: Command, run: Run): void {
  program
    .command('node')
    .description(
      'Run a node until Ctrl-C. Every listener serves gRPC, gRPC-Web, HTTP/JSON, health.',
    )
    .option('--listen <host:port...>', 'where to listen; port 0 picks a free one')
    .option('--data <dir>', 'the folder of the store (default: ./.xmtp-ts)')
    .option('--memory', 'keep everything in memory')
    .option('--config <file>', 'a JSON file of settings; flags go before it')
    .option('--metrics <host:port>', 'serve metrics to others than this machine')
    .option('--history <host:port>', 'where the history service listens, or off')
    .option('--limits <reads,writes>', 'calls per client in five minutes, clients here included')
    .option('--tokens <policy>', 'publish tokens: owned (default), all or off')
    .option('--trusted-proxies <address...>', 'whose X-Forwarded-For is believed')
    .option('--privileged-wallets <address...>', 'wallets that may publish to every topic')
    .option('--deny-wallets <address...>', 'wallets that may not publish')
    .option('--deny-addresses <ip...>', 'addresses that are not served')
    .option('--retention-days <days>', 'how long expirable envelopes are kept')
    .option('--message-retention-days <days>', 'how long V3 keeps messages that are no commits')
    .option('--welcome-retention-days <days>', 'how long V3 keeps welcomes')
    .option('--max-store-bytes <bytes>', 'size at which the store takes nothing more')
    .option('--chain-rpc <chain=url...>', 'whom to ask about contract wallets: eip155:1=https://…')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples(
        'xmtp-ts node',
        'xmtp-ts node --listen 127.0.0.1:0 --memory --json',
        'xmtp-ts node --listen 0.0.0.0:5555 --data /var/lib/xmtp --limits 20000,3000',
      ),
    )
    .action((options: NodeOptions) => run(options, (context) => node(options, context)))
}

function addIdentity(program: Command, run: Run): void {
  const identity = program.command('identity').description('Register an account, or show it.')
  withAccount(identity.command('create'))
    .description('Make a wallet key unless there is one, and register its account.')
    .addHelpText(
      'after',
      examples('xmtp-ts identity create', 'xmtp-ts identity create --key-file ./alice.key'),
    )
    .action((options: AccountOptions) =>
      run(options, (context) => createIdentity(options, context)),
    )
  withAccount(identity.command('show'))
    .description('Show address, registration and key fingerprints. Changes nothing.')
    .addHelpText('after', examples('xmtp-ts identity show --json'))
    .action((options: AccountOptions) => run(options, (context) => showIdentity(options, context)))
  withNetwork(program.command('can-message'))
    .description('Tell whether accounts are on the network. Needs no key.')
    .argument('<address...>')
    .addHelpText(
      'after',
      examples('xmtp-ts can-message 0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf'),
    )
    .action((addresses: string[], options: NetworkOptions) =>
      run(options, (context) => canMessage(options, context, addresses)),
    )
}

function addConversations(program: Command, run: Run): void {
  const conversation = () =>
    new Option('--conversation <id>', 'the conversation with this conversationId')
  withAccount(program.command('send'))
    .description('Send a text; begins the conversation if there is none.')
    .argument('<address>')
    .argument('<text>')
    .addOption(conversation())
    .addHelpText('after', examples('xmtp-ts send 0x7E5F…5Bdf "Hello from the terminal"'))
    .action((address: string, text: string, options: ConversationOptions) =>
      run(options, (context) => send(options, context, address, text)),
    )
  withAccount(program.command('conversations'))
    .description('List all conversations, the oldest first.')
    .addHelpText('after', examples('xmtp-ts conversations --json'))
    .action((options: AccountOptions) => run(options, (context) => conversations(options, context)))
  withAccount(program.command('messages'))
    .description('Print the newest messages with an account, the oldest of them first.')
    .argument('<address>')
    .addOption(conversation())
    .option('--limit <count>', 'how many at most', '100')
    .addHelpText('after', examples('xmtp-ts messages 0x7E5F…5Bdf --limit 10'))
    .action((address: string, options: MessagesOptions) =>
      run(options, (context) => messages(options, context, address)),
    )
  withAccount(program.command('stream'))
    .description('Print messages of all conversations as they come, until Ctrl-C.')
    .addHelpText('after', examples('xmtp-ts stream', "xmtp-ts stream --json | jq -r '.text'"))
    .action((options: AccountOptions) => run(options, (context) => stream(options, context)))
}

function withNetwork(command: Command): Command {
  return command
    .option('--env <env>', 'the network: local, or the URL of a node', 'local')
    .addOption(jsonOption())
}

function withAccount(command: Command): Command {
  return withNetwork(command).option(
    '--key-file <file>',
    'the wallet key (default: XMTP_WALLET_KEY, or wallet.key in the folder of settings)',
  )
}

function jsonOption(): Option {
  return new Option('--json', 'one JSON object per line; errors as {"error":{…}} on stderr')
}

function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}\n`
}

function exitCodeHelp(): string {
  const lines = Object.entries(exitCodes).map(([code, meaning]) => `  ${code}  ${meaning}`)
  return `\nExit codes:\n${lines.join('\n')}\n`
}
