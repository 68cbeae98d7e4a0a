import { bytesToHex, XmtpError } from '@xmtp-ts/protocol'
import { maxCommitLogPages, maxCommitLogQueriesPerCall } from '../../limits.ts'
import { inChunks } from '../../network/chunks.ts'
import type { CommitLogPage, GroupFilter } from '../../network/mls-api.ts'
import type { Core } from '../core.ts'
import { groupIdOf } from '../group/conversation-row.ts'
import { takePage } from './remote.ts'
import { readLogState } from './state.ts'

/**
 * Reads what groups have published of their commits (v3-mls §3.9). What a node answers wrongly is reported, and holds up that
 * group only.
 */
export async function downloadCommits(core: Core, ids: readonly string[]): Promise<void> {
  for (const chunk of inChunks(ids, maxCommitLogQueriesPerCall)) {
    let waiting: readonly string[] = chunk
    for (let page = 0; page < maxCommitLogPages && waiting.length > 0; page += 1)
      waiting = await downloadPages(core, waiting)
  }
}

/** @returns the groups that have more */
async function downloadPages(core: Core, ids: readonly string[]): Promise<readonly string[]> {
  const states = await Promise.all(ids.map((id) => readLogState(core, id)))
  const queries = ids.map((id, index) => ({
    groupId: groupIdOf(id),
    afterId: states[index]?.downloaded ?? 0n,
  }))
  const more: string[] = []
  for (const { query, page } of await ask(core, queries)) {
    try {
      await takePage(core, query.groupId, page)
      if (page.hasMore) more.push(bytesToHex(query.groupId))
    } catch (error) {
      core.report(error)
    }
  }
  return more
}

type Answered = { readonly query: GroupFilter; readonly page: CommitLogPage }

/** Asks for all at once; when the answer is no answer, for one after the other. */
async function ask(core: Core, queries: readonly GroupFilter[]): Promise<readonly Answered[]> {
  try {
    const pages = await core.mls.batchQueryCommitLog(queries)
    return queries.flatMap((query, index) => {
      const page = pages[index]
      return page === undefined ? [] : [{ query, page }]
    })
  } catch (error) {
    if (core.signal.aborted) return []
    if (!isMalformed(error) || queries.length === 1) {
      core.report(error)
      return []
    }
    const answers: Answered[] = []
    for (const query of queries) answers.push(...(await ask(core, [query])))
    return answers
  }
}

function isMalformed(error: unknown): boolean {
  return error instanceof XmtpError && error.code === 'client.network.malformedAnswer'
}
