import type { SessionOptions } from '../../session.ts'
import type { Verb } from '../../verb.ts'
import { changeGroup } from './with-group.ts'

type Change = Verb<SessionOptions, [group: string, text: string]>

/** Gives a group another name. */
export const rename: Change = (options, context, name, text) =>
  changeGroup(options, context, { name, work: (group) => group.updateName(text) })

/** Gives a group another description. */
export const describeGroup: Change = (options, context, name, text) =>
  changeGroup(options, context, { name, work: (group) => group.updateDescription(text) })

/** Gives a group another picture. */
export const changeImage: Change = (options, context, name, url) =>
  changeGroup(options, context, { name, work: (group) => group.updateImageUrl(url) })
