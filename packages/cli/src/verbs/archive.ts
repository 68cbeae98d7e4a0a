import { existsSync } from 'node:fs'
import { BackupElementSelectionOption, XmtpError } from '@xmtp-ts/client'
import { readSecretFile } from '@xmtp-ts/client/node'
import { parseTimeNs } from '../arguments.ts'
import { createSecretFile, parseSecret } from '../secret-file.ts'
import { openSynced, openVisitor, type SessionOptions, type StoredOptions } from '../session.ts'
import { fieldsText } from '../show/fields.ts'
import { longTime } from '../terminal/time.ts'
import type { Verb } from '../verb.ts'

type KeyOptions = { readonly archiveKey?: string }

export type CreateArchiveOptions = SessionOptions &
  KeyOptions & { readonly only?: 'messages' | 'consent'; readonly since?: string }

/** Writes what this device has to a file, encrypted with a key in a file beside it. */
export const createArchive: Verb<CreateArchiveOptions, [file: string]> = async (
  options,
  context,
  file,
) => {
  const startNs = options.since === undefined ? undefined : parseTimeNs(options.since)
  if (options.since !== undefined && startNs === undefined)
    throw new XmtpError('cli.usage', `${JSON.stringify(options.since)} is no time.`)
  if (existsSync(file)) throw new XmtpError('cli.usage', `${file} is there already.`)
  await using session = await openSynced(options, context)
  const keyFile = keyFileOf(file, options)
  const isNewKey =
    (await readSecretFile(keyFile)) === undefined && (await createSecretFile(keyFile))
  const { Messages, Consent } = BackupElementSelectionOption
  const elements = { messages: [Messages], consent: [Consent], all: [Messages, Consent] }
  const writing = session.client.createArchive(file, await readKey(keyFile), {
    elements: elements[options.only ?? 'all'],
    startNs,
  })
  await context.reporter.during('Writing …', writing)
  await context.reporter.result({
    json: { file, keyFile, isNewKey },
    text: (screen) =>
      fieldsText(
        [
          ['Archive', file],
          ['Its key', keyFile],
        ],
        screen,
      ),
  })
}

/** Takes in what an archive has and this device has not. */
export const importArchive: Verb<SessionOptions & KeyOptions, [file: string]> = async (
  options,
  context,
  file,
) => {
  const key = await readKey(keyFileOf(file, options))
  await using session = await openSynced(options, context)
  const { conversations } = session.client
  const before = new Set((await conversations.list()).map(({ id }) => id))
  await context.reporter.during('Reading …', session.client.importArchive(file, key))
  const after = await conversations.list()
  const added = after.filter(({ id }) => !before.has(id)).length
  await context.reporter.result({
    json: { file, newConversations: added, conversations: after.length },
    text: `Read ${file}: ${added} conversations that were not here.`,
  })
}

/** Tells what an archive has, without taking anything in. Makes no installation. */
export const showArchive: Verb<StoredOptions & KeyOptions, [file: string]> = async (
  options,
  context,
  file,
) => {
  const key = await readKey(keyFileOf(file, options))
  await using client = await openVisitor(options, context)
  const { backupVersion, elements, exportedAtNs, startNs, endNs } = await client.archiveMetadata(
    file,
    key,
  )
  const has = elements.map((element) => element.toLowerCase())
  const [made, from, to] = [exportedAtNs, startNs, endNs].map(dateOf)
  await context.reporter.result({
    json: {
      file,
      version: backupVersion,
      has,
      madeAt: made?.toISOString() ?? null,
      from: from?.toISOString() ?? null,
      to: to?.toISOString() ?? null,
    },
    text: (screen) =>
      fieldsText(
        [
          ['Archive', file],
          ['Made', shown(made)],
          ['Has', has.join(', ')],
          ['From', shown(from)],
          ['To', shown(to)],
        ],
        screen,
      ),
  })
}

function keyFileOf(file: string, { archiveKey }: KeyOptions): string {
  return archiveKey ?? `${file}.key`
}

/** @throws XmtpError `cli.archiveKey.missing`, `cli.archiveKey.malformed`, `client.keyStore.exposed` */
async function readKey(file: string): Promise<Uint8Array> {
  const bytes = await readSecretFile(file)
  if (bytes === undefined)
    throw new XmtpError('cli.archiveKey.missing', `There is no ${file}, the key of the archive.`)
  const hex = parseSecret(new TextDecoder().decode(bytes))
  if (hex === undefined) throw new XmtpError('cli.archiveKey.malformed', `${file} holds no key.`)
  return new Uint8Array(Buffer.from(hex, 'hex'))
}

function dateOf(ns: bigint | undefined): Date | undefined {
  return ns === undefined ? undefined : new Date(Number(ns / 1_000_000n))
}

function shown(date: Date | undefined): string {
  return date === undefined ? '' : longTime(date)
}
