import { DecodedMessage, XmtpError } from '@xmtp-ts/client'
import { describe, expect, it } from 'vitest'
import { screenOf } from '../terminal/screen.ts'
import { messageReport, type MessageLabel } from './message.ts'

const inbox = (digit: string) => digit.repeat(64)
const known = new Map(
  [
    ['a', 'you'],
    ['b', `0x${'b'.repeat(40)}`],
  ].map(([digit, address]) => {
    const inboxId = inbox(digit!)
    return [inboxId, { inboxId, address: address!, accounts: [], isSelf: digit === 'a' }]
  }),
)

type Content = Partial<ConstructorParameters<typeof DecodedMessage>[1]> & { typeId?: string }

function message(
  { typeId = 'text', ...decoded }: Content,
  { sender = 'b', sentAt = new Date(), reactions = [] as unknown[] } = {},
): DecodedMessage {
  const contentType = { authorityId: 'xmtp.org', typeId, versionMajor: 1, versionMinor: 0 }
  const row = {
    id: new Uint8Array(32).fill(0xcd),
    groupId: new Uint8Array(16),
    senderInstallationId: new Uint8Array(32),
    senderInboxId: inbox(sender),
    sentAtNs: BigInt(sentAt.getTime()) * 1_000_000n,
    insertedAtNs: 0n,
    expiresAtNs: 0n,
    deliveryStatus: 2,
    kind: 1,
  }
  return new DecodedMessage(
    row as never,
    { contentType, content: undefined, fallback: undefined, error: undefined, ...decoded },
    { reactions, numReplies: 0 } as never,
  )
}

function shown(one: DecodedMessage, more: Partial<MessageLabel> = {}, columns?: number): string {
  const { text } = messageReport({ message: one, known, ...more })
  const screen = screenOf({ stdout: { columns, write: () => undefined }, env: { NO_COLOR: '1' } })
  return typeof text === 'string' ? text : text(screen)
}

const json = (one: DecodedMessage) => messageReport({ message: one, known }).json

const withoutTime = (text: string) => text.replace(/^\d\d:\d\d {2}/, '')

describe('a message', () => {
  it('is one line with who and what, or as many as it takes', () => {
    expect(withoutTime(shown(message({ content: 'Hello' })))).toBe('cdcdcdcd  0xbbbb…bbbb  Hello')
    const margin = ' '.repeat(30)
    expect(withoutTime(shown(message({ content: 'a\nb' }, { sender: 'a' })))).toBe(
      `cdcdcdcd  you          a\n${margin}b`,
    )
    const long = shown(message({ content: 'one two three four five six' }), {}, 50)
    expect(withoutTime(long)).toBe(`cdcdcdcd  0xbbbb…bbbb  one two three four\n${margin}five six`)
  })

  it('says where it is, in few columns', () => {
    const place = `${'long '.repeat(10)}\u001b[2J`
    expect(withoutTime(shown(message({ content: 'Hello' }), { place }))).toBe(
      'cdcdcdcd  long long long long… › 0xbbbb…bbbb  Hello',
    )
  })

  it('has its day above it when that is another one', () => {
    const [monday, tuesday] = [new Date(2026, 5, 1, 23, 59), new Date(2026, 5, 2, 0, 1)]
    const first = message({ content: 'a' }, { sentAt: monday })
    expect(shown(first).split('\n')[0]).toBe('Monday 1 June 2026')
    expect(shown(first, { above: monday })).toMatch(/^23:59 /)
    const second = message({ content: 'b' }, { sentAt: tuesday })
    expect(shown(second, { above: monday })).toMatch(/^Tuesday 2 June 2026\n00:01 /)
  })

  it('cannot look like another one, or move the cursor', () => {
    const text = shown(message({ content: '\u001b[1A\r12:00  cafecafe  you  yes\n12:00' }))
    expect(text).toContain('\\u001b[1A\\u000d12:00')
    expect(text.split('\n')[1]).toMatch(/^ {30}12:00$/)
  })

  it('that cannot be read shows its fallback, or why', () => {
    const error = new XmtpError('content.unknownType', 'No codec.')
    const [fallback, none] = [
      message({ error, fallback: 'A point', typeId: 'point' }),
      message({ error }),
    ]
    expect(shown(fallback)).toContain('  A point')
    expect(json(fallback)).toMatchObject({ text: 'A point', error: 'content.unknownType' })
    expect(shown(none)).toContain('  [content.unknownType]')
    expect(json(none)).toMatchObject({ text: null, error: 'content.unknownType' })
  })

  it('has the reactions that were not taken back', () => {
    const reaction = (content: string, action: number, sender = 'b') =>
      message({ typeId: 'reaction', content: { content, action, reference: '' } }, { sender })
    const reactions = [reaction('👍', 1), reaction('🎉', 1, 'a'), reaction('👍', 2)]
    const text = shown(message({ content: 'Hello' }, { reactions }))
    expect(text.split('\n')[1]).toBe(`${' '.repeat(30)}🎉 you`)
    expect(json(message({ content: 'Hello' }, { reactions }))).toMatchObject({
      reactions: [
        { content: '👍', action: 'added' },
        { content: '🎉', action: 'added' },
        { content: '👍', action: 'removed' },
      ],
    })
  })

  it('quotes what it answers', () => {
    const inReplyTo = message({ content: 'When?' }, { sender: 'a' })
    const content = { content: 'At nine', referenceId: 'ef'.repeat(32), inReplyTo }
    const lines = shown(message({ typeId: 'reply', content })).split('\n')
    expect(lines[0]).toContain('↳ you: When?')
    expect(lines[1]!.trim()).toBe('At nine')
    const unknown = message({ typeId: 'reply', content: { ...content, inReplyTo: null } })
    expect(shown(unknown)).toContain('↳ efefefef')
  })

  it.each([
    [
      'attachment',
      { filename: 'a.png', mimeType: 'image/png', content: new Uint8Array(5) },
      '[a.png, image/png, 5 bytes]',
    ],
    [
      'remoteStaticAttachment',
      { filename: 'a.png', url: 'https://x', contentLength: 5e6 },
      '[a.png, 5.0 MB, https://x]',
    ],
    ['multiRemoteStaticAttachment', { attachments: [1, 2] }, '[2 files]'],
    ['transactionReference', { reference: '0xabc' }, '[transaction 0xabc]'],
    ['walletSendCalls', { calls: [1] }, '[asks a wallet for calls: 1]'],
    [
      'actions',
      { description: 'Lunch?', actions: [{ label: 'Yes' }, { label: 'No' }] },
      'Lunch? [Yes, No]',
    ],
    ['intent', { actionId: 'yes' }, '[chose yes]'],
    ['leave_request', {}, 'asks to leave'],
    ['deletedMessage', { deletedBy: 'Sender' }, '[deleted]'],
  ])('of type %s is said in words', (typeId, content, words) => {
    expect(shown(message({ typeId, content }))).toContain(words)
    expect(() => JSON.stringify(json(message({ typeId, content })))).not.toThrow()
  })

  it('about what became of the group is a sentence', () => {
    const nobody = {
      addedInboxes: [],
      removedInboxes: [],
      leftInboxes: [],
      metadataFieldChanges: [],
      addedAdminInboxes: [],
      removedAdminInboxes: [],
      addedSuperAdminInboxes: [],
      removedSuperAdminInboxes: [],
      initiatedByInboxId: inbox('a'),
    }
    const told = (change: object) => {
      const content = { ...nobody, ...change }
      const text = shown(message({ typeId: 'group_updated', content }, { sender: 'a' }))
      return text.slice(text.indexOf('* '))
    }
    const ben = [{ inboxId: inbox('b') }]
    const field = (fieldName: string, newValue?: string) => ({
      metadataFieldChanges: [{ fieldName, newValue }],
    })
    expect(told({ addedInboxes: ben })).toBe('* you added 0xbbbb…bbbb')
    expect(told({ removedInboxes: ben, ...field('group_name', 'x') })).toBe(
      '* you removed 0xbbbb…bbbb; renamed the group to “x”',
    )
    expect(told({ addedSuperAdminInboxes: ben })).toBe('* you made 0xbbbb…bbbb a super admin')
    expect(told(field('message_disappear_in_ns', '3600000000000'))).toBe(
      '* you had messages disappear after 1 hour',
    )
    expect(told(field('message_disappear_in_ns', ''))).toBe('* you had messages stay')
    expect(told(field('something_new', 'x'))).toBe('* you changed something_new')
    expect(told({})).toBe('* you changed who may do what')
  })

  it('that only says what was read is for programs', () => {
    const receipt = message({ typeId: 'readReceipt', content: {} })
    expect(shown(receipt)).toBe('')
    expect(json(receipt)).toMatchObject({ contentType: 'xmtp.org/readReceipt:1.0' })
  })
})
