import type { Session } from '../message/session.ts'
import type { StreamHost } from '../stream/open-stream.ts'
import type { Book } from './book.ts'

/** What conversations work with, one for a client. */
export type Host = Session & StreamHost & { readonly book: Book }
