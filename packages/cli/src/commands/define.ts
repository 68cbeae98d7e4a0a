import { Option, type Command } from 'commander'
import type { Io } from '../io.ts'
import { createReporter } from '../report.ts'
import type { Verb } from '../verb.ts'

/** What a verb works with, which says what options it has. */
export type Needs = 'machine' | 'network' | 'wallet' | 'store' | 'installation'

/** A verb as it stands in the help. */
export type Definition<Options, Values extends readonly unknown[]> = {
  /** `rename <group> <name>`: names of values are explained by `valueTexts`. */
  readonly usage: string
  /** A sentence or two. */
  readonly does: string
  readonly needs: Needs
  readonly options?: readonly Option[]
  /** Behind `xmtp-ts `. */
  readonly examples: readonly string[]
  readonly verb: Verb<Options, Values>
}

/** Where verbs are hung up. */
export type Tree = {
  readonly command: Command
  readonly io: Io
  /** Takes the exit code of the verb that ran. */
  readonly end: (exitCode: number) => void
}

/** A group of verbs. */
export function addBranch(
  { command, ...rest }: Tree,
  { name, does, examples }: { name: string; does: string; examples: readonly string[] },
): Tree {
  const branch = command.command(name).description(does).summary(summaryOf(does))
  branch.helpCommand(false).addHelpText('after', exampleText(examples))
  return { ...rest, command: branch }
}

export function addVerb<
  Options extends { readonly json?: boolean },
  Values extends readonly unknown[],
>(
  { command: parent, io, end }: Tree,
  { usage, does, needs, options = [], examples, verb }: Definition<Options, Values>,
): void {
  const command = parent.command(usage).description(does).summary(summaryOf(does))
  for (const value of command.registeredArguments)
    value.description = valueTexts[value.name()] ?? ''
  for (const option of [...options, ...commonOptions(needs, io)]) command.addOption(option)
  command.addHelpText('after', exampleText(examples))
  command.action(async (...given: unknown[]) => {
    const [options, values] = givenTo<Options, Values>(given)
    const reporter = createReporter(io, { json: options.json === true })
    end((await verb(options, { io, reporter }, ...values)) ?? 0)
  })
}

/** What fits into a list of commands. */
function summaryOf(does: string): string {
  return does.split(/[.:;](?: |$)/)[0] ?? does
}

/** Values, options, the command. */
function givenTo<Options, Values>(given: readonly unknown[]): [Options, Values] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- commander gives what `usage` and `options` say
  return [given.at(-2), given.slice(0, -2)] as [Options, Values]
}

/** What values in `usage` mean. */
const valueTexts: Readonly<Record<string, string>> = {
  address: '0x and 40 hex digits',
  after: 'a time such as 30s, 10m, 24h, 7d, or `off`',
  conversation: 'its id or the beginning of it, a peer of a direct message, or a group’s name',
  file: 'a file',
  group: 'its id, the beginning of its id, or its name',
  installation: 'its id or the beginning of it',
  'key-file': 'the wallet key of the account: 64 hex digits, readable by its owner only',
  name: 'at most 100 bytes',
  'conversation-or-who': 'a conversation as above all, or an address or inbox id',
  message: 'its id or the beginning of it',
  text: 'what to write; - reads it from stdin, where nobody else sees it',
  url: 'at most 2,048 bytes',
  who: 'an address or an inbox id',
}

function commonOptions(needs: Needs, io: Io): readonly Option[] {
  const { XMTP_ENV: env = '' } = io.env
  const network = new Option('--env <env>', 'the network: local, or the URL of a node').default(
    env === '' ? 'local' : env,
  )
  const wallet = new Option(
    '--key-file <file>',
    'the wallet key (default: XMTP_WALLET_KEY, or wallet.key in the folder of settings)',
  )
  const store = new Option('--db <file>', 'the store (default: one for each network and account)')
  const ephemeral = new Option(
    '--ephemeral',
    'an installation for this command only, revoked at its end',
  ).conflicts('db')
  const json = new Option('--json', 'one JSON object per line; errors as {"error":{…}} on stderr')
  const byNeed: Readonly<Record<Needs, readonly Option[]>> = {
    machine: [json],
    network: [network, json],
    wallet: [wallet, network, json],
    store: [wallet, store, network, json],
    installation: [wallet, store, ephemeral, network, json],
  }
  return byNeed[needs].map((option) => option.helpGroup('Account and network:'))
}

function exampleText(lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ xmtp-ts ${line}`).join('\n')}\n`
}
