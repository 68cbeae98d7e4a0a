import { peerOf } from '../group/conversation-row.ts'
import { Conversation } from './conversation.ts'
import { readStitched } from './view.ts'

/** A conversation of two. There may be several between the same two (v3-mls §3.7): this one stands for all of them. */
export class Dm<Content = unknown> extends Conversation<Content> {
  get peerInboxId(): string {
    return peerOf(this.view.row, this.host.core.self.inboxId) ?? ''
  }

  /** The others between the same two. Their messages are in `messages()` of each. */
  async duplicateDms(): Promise<Dm<Content>[]> {
    const stitched = await readStitched(this.host.core, this.view)
    return stitched
      .filter(({ id }) => id !== this.id)
      .map((view) => new Dm<Content>(this.host, this.host.book.open(view)))
  }
}
