import { Command, CommanderError } from 'commander'
import { XmtpError } from '@xmtp-ts/client'
import { addArchive } from './commands/archive.ts'
import { addConsent, addConversations, addMessages } from './commands/conversations.ts'
import type { Tree } from './commands/define.ts'
import { addGroup } from './commands/group.ts'
import { addIdentity, addInstallations, addOthers } from './commands/identity.ts'
import { addNode } from './commands/node.ts'
import { addV2 } from './commands/v2.ts'
import { exitCodeOf, exitCodes } from './exit-codes.ts'
import { readerGone, type Io } from './io.ts'
import { reportError } from './report.ts'
import { cliVersion } from './version.ts'

/**
 * Runs one command line. Never throws, never ends the process, so that tests and `npm start` can call it.
 * @param argv the arguments after the program's name
 * @returns the exit code; docs/cli.md lists them
 */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const json = argv.includes('--json')
  const outcome = { exitCode: 0, help: '', usage: '' }
  try {
    await createProgram(io, outcome).parseAsync(argv, { from: 'user' })
    return outcome.exitCode
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return await shown(io, outcome)
    if (isReaderGone(error, io)) return 0
    if (io.signal.aborted) return interrupted
    const known = error instanceof CommanderError ? usageError(error) : error
    const isBare = error instanceof CommanderError && error.code === 'commander.help'
    // Where nobody reads what is said of the mistake, the exit code still says it.
    if (isBare && !json)
      await Promise.resolve(io.stderr.write(outcome.usage)).catch(() => undefined)
    else await reportError(io, known, { json })
    return exitCodeOf(known)
  }
}

/** What shells say of programs that Ctrl-C has ended. */
const interrupted = 130

/** Help or the version, which commander asks for synchronously. */
async function shown(io: Io, { help }: Outcome): Promise<number> {
  try {
    await io.stdout.write(help)
    return 0
  } catch (error) {
    if (isReaderGone(error, io)) return 0
    throw error
  }
}

/** `xmtp-ts history … | head`: a normal end. */
function isReaderGone(error: unknown, { signal }: Io): boolean {
  return (
    (error instanceof Error && 'code' in error && error.code === 'EPIPE') ||
    (signal.aborted && signal.reason === readerGone)
  )
}

function usageError({ code, message }: CommanderError): XmtpError {
  if (code === 'commander.help') return new XmtpError('cli.usage', 'A command is missing.')
  const text = message.replace(/^error: /, '').replaceAll('\n', ' ')
  return new XmtpError('cli.usage', `${text}${/[.?)]$/.test(text) ? '' : '.'}`)
}

/** What a run leaves behind. */
export type Outcome = { exitCode: number; help: string; usage: string }

export function createProgram(io: Io, outcome: Outcome): Command {
  const program = new Command('xmtp-ts')
    .description('XMTP from a terminal: direct messages, groups, and the node that carries them.')
    .version(cliVersion, '--version', 'print the version')
    .configureHelp({
      helpWidth: Math.min(io.stdout.columns ?? maxHelpColumns, maxHelpColumns),
      subcommandTerm: (command) =>
        `${command.name()} ${command.usage().replaceAll(/\[(?:options|command)\] ?/g, '')}`.trim(),
    })
    .exitOverride()
    .helpCommand(false)
    .configureOutput({
      writeOut: (text) => {
        outcome.help += text
      },
      // Errors are reported once, by `main`; the help of a command that is missing comes here too.
      writeErr: (text) => {
        outcome.usage += text
      },
    })
    .addHelpText('after', `\n${firstSteps}\n\n${exitCodeText()}\n`)
  const tree: Tree = {
    command: program,
    io,
    end: (exitCode) => {
      outcome.exitCode = exitCode
    },
  }
  program.commandsGroup('Messages:')
  addConversations(tree)
  addMessages(tree)
  addGroup(tree)
  addConsent(tree)
  program.commandsGroup('Accounts:')
  addIdentity(tree)
  addInstallations(tree)
  addArchive(tree)
  addOthers(tree)
  program.commandsGroup('The rest:')
  addNode(tree)
  addV2(tree)
  return program
}

/** Longer lines are hard to read. */
const maxHelpColumns = 100

const firstSteps = `Examples:
  $ xmtp-ts node                        a node on this machine, in another terminal
  $ xmtp-ts identity create
  $ xmtp-ts dm 0x… "Hello"
  $ xmtp-ts group create 0x… --name Hiking
  $ xmtp-ts stream`

function exitCodeText(): string {
  const lines = Object.entries(exitCodes).map(
    ([code, meaning]) => `  ${code.padStart(3)}  ${meaning}`,
  )
  return `Exit codes:\n${lines.join('\n')}`
}
