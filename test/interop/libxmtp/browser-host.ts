// The program of the page that browser.ts serves: requests and answers are lines of JSON, as with the native client.
import { createHost, type Request, type Sdk } from './host.ts'

const page = globalThis as unknown as {
  /** Given by the test. */
  answer(line: string): Promise<void>
  request(line: string): void
}

export function serve(sdk: Sdk): void {
  const handle = createHost(sdk, [], (answer) => void page.answer(JSON.stringify(answer)))
  page.request = (line) => void handle(JSON.parse(line) as Request)
}
