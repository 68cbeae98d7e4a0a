import type { Extension } from '@xmtp-ts/mls'
import {
  attributeNames,
  checkAttributes,
  policySetsEqual,
  readGroupContent,
  withMutableMetadata,
  withPolicies,
  type GroupContent,
  type MutableMetadata,
} from '@xmtp-ts/protocol/group'
import type { Core } from '../core.ts'
import { changeGroup, type CommitPlan } from '../group/commit.ts'
import { planMembers, type MemberChange } from '../group/members.ts'
import { withPolicy, type PolicyChange } from './permissions.ts'

/** Which list of a group an inbox goes into or out of. */
export type AdminChange = {
  readonly list: 'admins' | 'superAdmins'
  readonly inboxId: string
  readonly isMember: boolean
}

/**
 * Adds and removes inboxes; who is in already, or not in, stays as they are.
 * @throws as `planMembers` and `changeGroup`
 */
export function changeMembers(core: Core, id: string, change: MemberChange): Promise<void> {
  return changeGroup(core, id, (group) => planMembers(core, group, change))
}

/** @throws XmtpError `v3.group.attributeTooLong`, and as `changeGroup` */
export async function changeAttribute(
  core: Core,
  id: string,
  [name, value]: readonly [string, string],
): Promise<void> {
  checkAttributes([[name, value]])
  await changeGroup(
    core,
    id,
    planContent((content, extensions) => {
      const { mutableMetadata } = content
      if (mutableMetadata.attributes.get(name) === value) return undefined
      const attributes = new Map([...mutableMetadata.attributes, [name, value]])
      return withMutableMetadata(extensions, { ...mutableMetadata, attributes })
    }),
  )
}

/**
 * Messages disappear `inNs` after they came, zeros: they stay. Two commits, the start before the duration, as libxmtp
 * does it (v3-mls §6.5).
 */
export async function changeDisappearing(
  core: Core,
  id: string,
  { fromNs, inNs }: { readonly fromNs: bigint; readonly inNs: bigint },
): Promise<void> {
  await changeAttribute(core, id, [attributeNames.disappearFromNs, fromNs.toString()])
  await changeAttribute(core, id, [attributeNames.disappearInNs, inNs.toString()])
}

export function changeAdmins(core: Core, id: string, change: AdminChange): Promise<void> {
  return changeGroup(
    core,
    id,
    planContent(({ mutableMetadata }, extensions) => {
      const changed = withAdmin(mutableMetadata, change)
      return changed && withMutableMetadata(extensions, changed)
    }),
  )
}

export function changePolicy(core: Core, id: string, change: PolicyChange): Promise<void> {
  return changeGroup(
    core,
    id,
    planContent(({ policies }, extensions) => {
      const changed = withPolicy(policies, change)
      return policySetsEqual(policies, changed) ? undefined : withPolicies(extensions, changed)
    }),
  )
}

/** A commit that changes nothing but the extensions of the group; none if there is nothing to change. */
function planContent(
  change: (
    content: GroupContent,
    extensions: readonly Extension[],
  ) => readonly Extension[] | undefined,
): CommitPlan {
  return async ({ mls }) => {
    const before = mls.context.extensions
    const extensions = change(readGroupContent(before), before)
    if (extensions === undefined) return undefined
    return { proposals: [{ kind: 'groupContextExtensions', extensions }], keyPackages: [] }
  }
}

function withAdmin(
  metadata: MutableMetadata,
  { list, inboxId, isMember }: AdminChange,
): MutableMetadata | undefined {
  const before = metadata[list]
  if (before.includes(inboxId) === isMember) return undefined
  const after = isMember ? [...before, inboxId] : before.filter((one) => one !== inboxId)
  return { ...metadata, [list]: after }
}
