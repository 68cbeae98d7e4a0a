import type { GroupUpdated } from '@xmtp-ts/client'
import { duration } from '../terminal/time.ts'

export type NameOf = (inboxId: string) => string

export function inboxesOfUpdate(update: GroupUpdated | undefined): readonly string[] {
  if (update === undefined) return []
  const lists = [
    update.addedInboxes,
    update.removedInboxes,
    update.leftInboxes,
    update.addedAdminInboxes,
    update.removedAdminInboxes,
    update.addedSuperAdminInboxes,
    update.removedSuperAdminInboxes,
  ]
  return [update.initiatedByInboxId, ...lists.flat().map(({ inboxId }) => inboxId)]
}

/** What changed in a group, as a sentence that begins behind the name of who changed it. */
export function updateText(update: GroupUpdated, nameOf: NameOf): string {
  const names = (people: GroupUpdated['addedInboxes']) =>
    people.map(({ inboxId }) => nameOf(inboxId)).join(', ')
  const people = [
    ['added', update.addedInboxes, ''],
    ['removed', update.removedInboxes, ''],
    ['let', update.leftInboxes, ' go'],
    ['made', update.addedAdminInboxes, ' an admin'],
    ['made', update.removedAdminInboxes, ' no admin any more'],
    ['made', update.addedSuperAdminInboxes, ' a super admin'],
    ['made', update.removedSuperAdminInboxes, ' no super admin any more'],
  ] as const
  const parts = [
    ...people
      .filter(([, inboxes]) => inboxes.length > 0)
      .map(([verb, inboxes, end]) => `${verb} ${names(inboxes)}${end}`),
    ...fieldTexts(update.metadataFieldChanges),
  ]
  return parts.length === 0 ? 'changed who may do what' : parts.join('; ')
}

type FieldChange = GroupUpdated['metadataFieldChanges'][number]

function fieldTexts(changes: readonly FieldChange[]): readonly string[] {
  return changes.flatMap((change) => fieldText(change) ?? [])
}

/** The two fields of disappearing messages change together; one of them says it all. */
function fieldText({ fieldName, newValue = '' }: FieldChange): string | undefined {
  switch (fieldName) {
    case 'group_name':
      return newValue === '' ? 'took away the name' : `renamed the group to “${newValue}”`
    case 'description':
      return newValue === '' ? 'took away the description' : `described the group as “${newValue}”`
    case 'group_image_url_square':
      return newValue === '' ? 'took away the picture' : `changed the picture to ${newValue}`
    case 'app_data':
      return 'changed the app data'
    case 'message_disappear_from_ns':
      return undefined
    case 'message_disappear_in_ns':
      return disappearingText(newValue)
    default:
      return `changed ${fieldName}`
  }
}

function disappearingText(inNs: string): string {
  const ns = /^\d{1,19}$/.test(inNs) ? BigInt(inNs) : 0n
  return ns === 0n ? 'had messages stay' : `had messages disappear after ${duration(ns)}`
}
