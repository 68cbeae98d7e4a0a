import { readerGone, type Output } from './io.ts'
import { main } from './main.ts'

/** Runs the command line of this process: its arguments, its streams, its signals. */
export async function runProcess(): Promise<void> {
  const controller = new AbortController()
  const stop = () => {
    // A second Ctrl-C does not wait for anything.
    if (controller.signal.aborted) process.exit(130)
    controller.abort()
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  // `xmtp-ts stream | head`: the reader has gone, and that is a normal end.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    controller.abort(readerGone)
  })
  // Nobody is left to be told.
  process.stderr.on('error', () => undefined)
  process.exitCode = await main(process.argv.slice(2), {
    stdout: output(process.stdout),
    stderr: output(process.stderr),
    stdin: () => process.stdin,
    env: process.env,
    signal: controller.signal,
  })
  process.off('SIGINT', stop)
  process.off('SIGTERM', stop)
}

function output(stream: NodeJS.WriteStream): Output {
  return {
    columns: stream.isTTY ? stream.columns : undefined,
    write: (text) =>
      new Promise((resolve, reject) => {
        stream.write(text, (error) => (error ? reject(error) : resolve()))
      }),
  }
}
