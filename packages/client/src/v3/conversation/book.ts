import { XmtpError } from '@xmtp-ts/protocol'
import { conversationRefreshMs } from '../../limits.ts'
import type { Core } from '../core.ts'
import { readViews, type View } from './view.ts'

/** One conversation as the objects that an app holds of it share it. */
export type Page = { view: View }

/**
 * The conversations that an app holds: what they show is read again when something changes, so that their getters need
 * not wait for the store. Those that nobody holds any more are forgotten.
 */
export type Book = {
  readonly open: (view: View) => Page
  /** Reads one again now. @throws XmtpError `client.conversation.unknown`, `client.store.*` */
  readonly refresh: (page: Page) => Promise<void>
  /** Reads all again now. @throws XmtpError `client.store.*` */
  readonly refreshAll: () => Promise<void>
}

export function createBook(core: Core): Book {
  const pages = new Map<string, WeakRef<Page>>()

  const held = () => {
    const found: Page[] = []
    for (const [id, reference] of pages) {
      const page = reference.deref()
      if (page === undefined) pages.delete(id)
      else found.push(page)
    }
    return found
  }

  const refreshAll = async () => {
    const found = held()
    const views = await readViews(
      core,
      found.map(({ view }) => view.id),
    )
    for (const page of found) page.view = views.get(page.view.id) ?? page.view
  }

  void keepFresh(core, refreshAll)

  return {
    open(view) {
      const known = pages.get(view.id)?.deref()
      if (known === undefined) {
        const page = { view }
        pages.set(view.id, new WeakRef(page))
        return page
      }
      known.view = view
      return known
    },
    async refresh(page) {
      const { id } = page.view
      const view = (await readViews(core, [id])).get(id)
      if (view === undefined)
        throw new XmtpError('client.conversation.unknown', `There is no conversation ${id}.`)
      page.view = view
    },
    refreshAll,
  }
}

async function keepFresh(core: Core, refresh: () => Promise<void>): Promise<void> {
  const { signals, signal, environment } = core
  while (!signal.aborted) {
    const seen = signals.count('conversations')
    await refresh().catch((error: unknown) => {
      core.report(error)
    })
    await signals.wait('conversations', seen, signal)
    // Changes come in crowds: one reading for all of them.
    await environment.sleep(conversationRefreshMs, signal)
  }
}
