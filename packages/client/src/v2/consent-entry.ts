import { attempt, parseAddress, type ConsentEntity, type ConsentEntry } from '@xmtp-ts/protocol'

export type ConsentState = 'allowed' | 'denied' | 'unknown'

/** What an entry of the consent list is about. */
export type ConsentListEntryType = ConsentEntity

/** One entry of the consent list, for apps that keep the list themselves. */
export class ConsentListEntry {
  readonly value: string
  readonly entryType: ConsentListEntryType
  readonly permissionType: ConsentState

  constructor(value: string, entryType: ConsentListEntryType, permissionType: ConsentState) {
    this.value = value
    this.entryType = entryType
    this.permissionType = permissionType
  }

  static fromAddress(address: string, permissionType: ConsentState = 'unknown'): ConsentListEntry {
    return new ConsentListEntry(address, 'address', permissionType)
  }

  static fromGroupId(groupId: string, permissionType: ConsentState = 'unknown'): ConsentListEntry {
    return new ConsentListEntry(groupId, 'groupId', permissionType)
  }

  static fromInboxId(inboxId: string, permissionType: ConsentState = 'unknown'): ConsentListEntry {
    return new ConsentListEntry(inboxId, 'inboxId', permissionType)
  }

  /** Its name in the map of the list, such as `address-0x…`. */
  get key(): string {
    return nameOf(this.entryType, this.value)
  }
}

/** What one envelope of the list says, in the shape of `@xmtp/xmtp-js`: a member for each kind that is present. */
export type PrivatePreferencesAction = {
  readonly allowAddress: { readonly walletAddresses: string[] } | undefined
  readonly denyAddress: { readonly walletAddresses: string[] } | undefined
  readonly allowGroup: { readonly groupIds: string[] } | undefined
  readonly denyGroup: { readonly groupIds: string[] } | undefined
  readonly allowInboxId: { readonly inboxIds: string[] } | undefined
  readonly denyInboxId: { readonly inboxIds: string[] } | undefined
}

export function actionOf(entries: readonly ConsentEntry[]): PrivatePreferencesAction {
  const values = (entity: ConsentEntity, state: ConsentEntry['state']) => {
    const some = entries.filter((entry) => entry.entity === entity && entry.state === state)
    return some.length === 0 ? undefined : some.map(({ value }) => value)
  }
  const addresses = (all: string[] | undefined) => all && { walletAddresses: all }
  const groups = (all: string[] | undefined) => all && { groupIds: all }
  const inboxes = (all: string[] | undefined) => all && { inboxIds: all }
  return {
    allowAddress: addresses(values('address', 'allowed')),
    denyAddress: addresses(values('address', 'denied')),
    allowGroup: groups(values('groupId', 'allowed')),
    denyGroup: groups(values('groupId', 'denied')),
    allowInboxId: inboxes(values('inboxId', 'allowed')),
    denyInboxId: inboxes(values('inboxId', 'denied')),
  }
}

/** Addresses by their checksummed form: other SDKs wrote them as they came. */
export function nameOf(entity: ConsentEntity, value: string): string {
  if (entity !== 'address') return `${entity}-${value}`
  const address = attempt(() => parseAddress(value.toLowerCase()))
  return `address-${address.ok ? address.value : value}`
}
