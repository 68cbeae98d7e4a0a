import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { v3, XmtpError } from '@xmtp-ts/protocol'
import type { Logger } from '../logger.ts'
import { maxVerifications, maxVerifierThreads } from '../limits.ts'
import { createInThreadVerifier, type IdentityVerifier } from './identity-verifier.ts'
import { errorOf, type Answer, type Question } from './worker-messages.ts'

/** Off the main thread in the compiled program; from sources, whose files no worker can load, on it. */
export function openIdentityVerifier(logger: Logger): IdentityVerifier {
  const isCompiled = import.meta.url.endsWith('.js')
  return isCompiled
    ? createWorkerPool(new URL('worker.js', import.meta.url), logger)
    : createInThreadVerifier()
}

type Waiting = {
  readonly resolve: (verified: v3.VerifiedIdentityUpdate) => void
  readonly reject: (error: Error) => void
}

type Thread = { readonly worker: Worker; readonly waiting: Map<number, Waiting> }

/**
 * Verifies in worker threads, so that the event loop answers the pings of clients whatever the load: libxmtp gives a
 * connection up after ten seconds (B19). Threads start when they are first needed. One that ends unasked fails what
 * it was asked, and is replaced by the next question.
 */
export function createWorkerPool(program: URL, logger: Logger): IdentityVerifier {
  const threads = new Set<Thread>()
  const size = Math.max(1, Math.min(maxVerifierThreads, availableParallelism() - 1))
  let questions = 0
  let isClosed = false

  const startThread = (): Thread => {
    // Without the flags of a test runner, which may make it load sources.
    const worker = new Worker(program, { execArgv: [] })
    // A node that has nothing else to do may end.
    worker.unref()
    const thread: Thread = { worker, waiting: new Map() }
    worker.on('message', (answer: Answer) => {
      const waiting = thread.waiting.get(answer.id)
      thread.waiting.delete(answer.id)
      if (answer.ok) waiting?.resolve(answer.verified)
      else waiting?.reject(errorOf(answer))
    })
    // Followed by `exit`, which tells those who wait.
    worker.on('error', (error) => logger.error('verify.failed', { error }))
    worker.on('exit', () => {
      threads.delete(thread)
      for (const { reject } of thread.waiting.values())
        reject(new XmtpError('node.overloaded', 'The verification ended early.'))
    })
    threads.add(thread)
    return thread
  }

  const leastBusy = (): Thread => {
    const [first] = [...threads].toSorted((a, b) => a.waiting.size - b.waiting.size)
    const isFree = first !== undefined && first.waiting.size === 0
    return first === undefined || (!isFree && threads.size < size) ? startThread() : first
  }

  return {
    verify: (update, verdicts) =>
      new Promise((resolve, reject) => {
        if (isClosed) throw new XmtpError('node.closing', 'The node is shutting down.')
        const { worker, waiting } = leastBusy()
        if (waiting.size >= maxVerifications)
          throw new XmtpError('node.overloaded', 'Too many identity updates wait.')
        questions += 1
        waiting.set(questions, { resolve, reject })
        const bytes = new Uint8Array(v3.encodeIdentityUpdate(update))
        const question: Question = { id: questions, update: bytes, verdicts }
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
        worker.postMessage(question)
      }),
    async [Symbol.asyncDispose]() {
      isClosed = true
      await Promise.all([...threads].map(({ worker }) => worker.terminate()))
    },
  }
}
