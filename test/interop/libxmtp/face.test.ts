import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as ours from '@xmtp-ts/client'
import { expect, it } from 'vitest'
import { modules, problemOfModules } from './installed.ts'
import { describeUnless } from './describe-unless.ts'

// Every name that an app can use of `@xmtp/node-sdk` 6 is one of ours, or stands here with the reason. docs/client.md lists
// the same for people.
const leftOut = new Set([
  // Two-step construction: `Client.create` and `Client.build` return finished clients.
  'Client.init',
  // Builders of parts: `createBackend` takes options.
  'BackendBuilder',
  // Errors are XmtpErrors with codes.
  'AccountAlreadyAssociatedError',
  'ClientNotInitializedError',
  'InboxReassignError',
  'MissingContentTypeError',
  'SignerUnavailableError',
  'StreamFailedError',
  'StreamInvalidRetryAttemptsError',
  // Inner parts of the binding.
  'Backend',
  'CodecRegistry',
  'ConversationListItem',
  'Conversation.processStreamedMessage',
  // The app has the signer that it passed.
  'Client.signer',
  // Types here, without a class behind them.
  'GroupMember',
  'GroupMetadata',
  'GroupPermissions',
])

const declarations = join(modules, '@xmtp/node-sdk/dist/index.d.ts')
const problem = problemOfModules()

function publishedText(): string {
  expect(existsSync(declarations)).toBe(true)
  return readFileSync(declarations, 'utf8')
}

/** Names of members by class, from the declarations that the package publishes. */
function classesOf(text: string): ReadonlyMap<string, readonly string[]> {
  const classes = new Map<string, readonly string[]>()
  for (const [, name = '', body = ''] of text.matchAll(/declare class (\w+)[^{]*\{(.*?)\n\}/gs)) {
    const members = body.matchAll(/^ {4}(?:static |get |readonly |async )*([a-zA-Z]\w*)[(<:]/gm)
    classes.set(name, [...new Set([...members].map(([, member = '']) => member))])
  }
  return classes
}

function has(type: { readonly prototype: object }, member: string): boolean {
  for (let one: object | null = type.prototype; one !== null; one = Object.getPrototypeOf(one))
    if (Object.hasOwn(one, member)) return true
  return Object.hasOwn(type, member)
}

describeUnless(problem)('our client beside @xmtp/node-sdk', () => {
  it('has every method and getter of its classes', () => {
    const { Client, Conversation, Conversations, Dm, Group, Preferences } = ours
    const classes = classesOf(publishedText())
    const missing = Object.entries({
      Client,
      Conversation,
      Conversations,
      Dm,
      Group,
      Preferences,
    }).flatMap(([name, type]) => {
      const members = classes.get(name) ?? []
      expect(members.length, name).toBeGreaterThan(1)
      return members
        .filter((member) => member !== 'constructor' && !has(type, member))
        .map((member) => `${name}.${member}`)
    })
    const fields = ['Client.conversations', 'Client.preferences', 'Client.debugInformation']
    expect(missing.filter((name) => !leftOut.has(name) && !fields.includes(name))).toEqual([])
  })

  it('exports every value that it exports', () => {
    const [, names = ''] = /export \{([^}]*)\};?\s*$/.exec(publishedText()) ?? []
    const values = names
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '' && !name.startsWith('type '))
    const bindings = readFileSync(join(modules, '@xmtp/node-bindings/dist/index.d.ts'), 'utf8')
    const isValue = (name: string) =>
      new RegExp(`(const|function|class|const enum) ${name}\\b`).test(bindings + publishedText())
    const missing = [...values, ...namesOfBindings()]
      .filter(isValue)
      .filter((name) => !(name in ours) && !leftOut.has(name))
    expect(missing).toEqual([])
  })
})

function namesOfBindings(): readonly string[] {
  const [, names = ''] =
    /^export \{([^}]*)\} from '@xmtp\/node-bindings'/m.exec(publishedText()) ?? []
  return names.split(',').map((name) => name.trim())
}
