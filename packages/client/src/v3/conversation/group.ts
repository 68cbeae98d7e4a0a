import { Membership } from '@xmtp-ts/proto/store/v1/store'
import {
  attributeNames,
  decodeMembership,
  decodeMutableMetadata,
  decodePolicySet,
  type MutableMetadata,
} from '@xmtp-ts/protocol/group'
import { resolveRecipients, type Recipient } from '../identity/inbox-state.ts'
import type { Identifier } from '../identity/public-identifier.ts'
import { Conversation } from './conversation.ts'
import type { MetadataField, PermissionPolicy, PermissionUpdateType } from './enums.ts'
import { requestRemoval } from './leave.ts'
import { describePermissions, type GroupPermissions } from './permissions.ts'
import { forOneChange, nameRecipient, nameRecipients } from './recipients.ts'
import {
  changeAdmins,
  changeAttribute,
  changeMembers,
  changePolicy,
  type AdminChange,
} from './plans.ts'

const { groupName, description, imageUrl, appData } = attributeNames

/**
 * A conversation of any number of inboxes. People are named by inbox id, address or identifier. What changes the group
 * resolves when the network has put the change in its place; all such methods throw XmtpError
 * `client.conversation.inactive`, `client.conversation.paused`, `client.group.lostRaces`, `v3.group.commitRefused` when
 * the group does not allow it, and what the network throws.
 */
export class Group<Content = unknown> extends Conversation<Content> {
  get name(): string {
    return this.#attribute(groupName)
  }

  /** @param name at most 100 bytes @throws XmtpError `v3.group.attributeTooLong` */
  updateName(name: string): Promise<void> {
    return this.#update(groupName, name)
  }

  get description(): string {
    return this.#attribute(description)
  }

  /** @param text at most 1,000 bytes @throws XmtpError `v3.group.attributeTooLong` */
  updateDescription(text: string): Promise<void> {
    return this.#update(description, text)
  }

  get imageUrl(): string {
    return this.#attribute(imageUrl)
  }

  /** @param url at most 2,048 bytes @throws XmtpError `v3.group.attributeTooLong` */
  updateImageUrl(url: string): Promise<void> {
    return this.#update(imageUrl, url)
  }

  get appData(): string {
    return this.#attribute(appData)
  }

  /** @param data at most 8,192 bytes @throws XmtpError `v3.group.attributeTooLong` */
  updateAppData(data: string): Promise<void> {
    return this.#update(appData, data)
  }

  permissions(): GroupPermissions {
    return describePermissions(decodePolicySet(this.view.row.policies))
  }

  /**
   * Says who may do something.
   * @param field which attribute, for `UpdateMetadata`
   * @throws RangeError for a policy that a group cannot have there, TypeError when the field is missing
   */
  async updatePermission(
    update: PermissionUpdateType,
    policy: PermissionPolicy,
    field?: MetadataField,
  ): Promise<void> {
    await changePolicy(this.host.core, this.id, { update, policy, field })
    await this.refresh()
  }

  listAdmins(): string[] {
    return [...this.#metadata.admins]
  }

  listSuperAdmins(): string[] {
    return [...this.#metadata.superAdmins]
  }

  isAdmin(inboxId: string): boolean {
    return this.#metadata.admins.includes(inboxId)
  }

  isSuperAdmin(inboxId: string): boolean {
    return this.#metadata.superAdmins.includes(inboxId)
  }

  addMembersByIdentifiers(identifiers: readonly Identifier[]): Promise<void> {
    return this.addMembers(identifiers)
  }

  /**
   * Who is in already stays as they are.
   * @throws XmtpError `client.inbox.*`, `client.group.tooLarge`, `client.group.noKeyPackage`
   */
  async addMembers(people: readonly Recipient[]): Promise<void> {
    const { members } = decodeMembership(this.view.row.members)
    const core = forOneChange(this.host.core, [...members.keys()])
    const add = await resolveRecipients(core, people)
    await changeMembers(core, this.id, { add, remove: [] })
    await this.refresh()
  }

  removeMembersByIdentifiers(identifiers: readonly Identifier[]): Promise<void> {
    return this.removeMembers(identifiers)
  }

  /** Super admins cannot be removed. @throws XmtpError `client.inbox.*` */
  async removeMembers(people: readonly Recipient[]): Promise<void> {
    const { core } = this.host
    const remove = await nameRecipients(core, people)
    await changeMembers(core, this.id, { add: [], remove })
    await this.refresh()
  }

  addAdmin(person: Recipient): Promise<void> {
    return this.#changeAdmins(person, { list: 'admins', isMember: true })
  }

  removeAdmin(person: Recipient): Promise<void> {
    return this.#changeAdmins(person, { list: 'admins', isMember: false })
  }

  addSuperAdmin(person: Recipient): Promise<void> {
    return this.#changeAdmins(person, { list: 'superAdmins', isMember: true })
  }

  /** There must be another one. */
  removeSuperAdmin(person: Recipient): Promise<void> {
    return this.#changeAdmins(person, { list: 'superAdmins', isMember: false })
  }

  /**
   * Asks the super admins, whose clients do it by themselves, to remove us.
   * @throws XmtpError `client.group.cannotLeave` for a super admin and for the only member
   */
  async requestRemoval(): Promise<void> {
    await this.refresh()
    await requestRemoval(this.host.core, this.view)
    await this.refresh()
  }

  /** Whether we have asked to be removed. */
  isPendingRemoval(): boolean {
    const { membership } = this.view.row
    return this.isActive && membership === Membership.MEMBERSHIP_PENDING_REMOVE
  }

  get #metadata(): MutableMetadata {
    return decodeMutableMetadata(this.view.row.mutableMetadata)
  }

  #attribute(name: string): string {
    return this.#metadata.attributes.get(name) ?? ''
  }

  async #update(name: string, value: string): Promise<void> {
    await changeAttribute(this.host.core, this.id, [name, value])
    await this.refresh()
  }

  async #changeAdmins(person: Recipient, change: Omit<AdminChange, 'inboxId'>): Promise<void> {
    const { core } = this.host
    const inboxId = await nameRecipient(core, person)
    await changeAdmins(core, this.id, { ...change, inboxId })
    await this.refresh()
  }
}
