import { parentPort } from 'node:worker_threads'
import { attempt, v3 } from '@xmtp-ts/protocol'
import { whatOf, type Answer, type Question } from './worker-messages.ts'

// The program of a worker thread: answers one question at a time, in order. What is no XmtpError ends the thread.
parentPort?.on('message', ({ id, update, verdicts }: Question) => {
  const verified = attempt(() => v3.verifyIdentityUpdate(v3.parseIdentityUpdate(update), verdicts))
  const answer: Answer = verified.ok
    ? { id, ok: true, verified: verified.value }
    : { id, ok: false, code: verified.error.code, what: whatOf(verified.error) }
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(answer)
})
