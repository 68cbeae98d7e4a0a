// Our own client behind the interface of driver.ts, in this process: it has the shape of @xmtp/node-sdk, so the same host
// calls it, with the same arguments, and the same test runs with either on either side.
import * as sdk from '@xmtp-ts/client'
import type { Client, ClientOptions, Refusal } from '@xmtp-ts/client'
import { newClient } from './client.ts'
import type { ClientKind, ClientProcess, Wire } from './driver.ts'
import { createHost, type Answer } from './host.ts'
import { createProcess, createRequests } from './process.ts'

/** What its clients refused, and what failed in the background. */
export type OurProcess = ClientProcess & {
  readonly refusals: readonly Refusal[]
  readonly failures: readonly unknown[]
}

export const ours: Omit<ClientKind, 'start'> & { start(): Promise<OurProcess> } = {
  sdk: 'xmtp-ts',
  problem: undefined,
  async start() {
    const refusals: Refusal[] = []
    const failures: unknown[] = []
    const requests = createRequests(
      openWire({
        onRefused: (refusal) => refusals.push(refusal),
        onError: (error) => failures.push(error),
      }),
    )
    const process = createProcess('xmtp-ts', requests, (options) =>
      newClient({ optimistic: true, options: {} }, requests, options),
    )
    return { ...process, refusals, failures }
  },
}

/** `close` closes the clients in the middle of what they do. */
function openWire(told: Pick<ClientOptions, 'onRefused' | 'onError'>): Wire {
  const clients = new Set<Client>()
  const listeners: ((answer: Answer | undefined) => void)[] = []
  let isGone = false
  const tell = (answer: Answer | undefined) => {
    if (!isGone) for (const listener of listeners) listener(answer)
  }
  const create = async (signer: sdk.Signer, options: ClientOptions): Promise<Client> => {
    const client: Client = await sdk.Client.create(signer, { ...options, ...told })
    clients.add(client)
    return client
  }
  const handle = createHost(
    { ...sdk, Client: Object.create(sdk.Client, { create: { value: create } }) },
    [sdk.Client],
    tell,
  )
  return {
    send: (request) => void handle(request),
    onAnswer: (listener) => void listeners.push(listener),
    complaints: () => '',
    async close() {
      tell(undefined)
      isGone = true
      for (const client of clients) await client.close()
    },
  }
}
