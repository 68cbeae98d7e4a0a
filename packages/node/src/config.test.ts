import { describe, expect, it } from 'vitest'
import { parseNodeConfig } from './config.ts'

describe('settings', () => {
  it('have the defaults of local development', () => {
    expect(parseNodeConfig({})).toMatchObject({
      listen: [5555, 5556, 5557].map((port) => ({ host: '127.0.0.1', port })),
      store: { kind: 'sqlite', path: '.xmtp-ts/node.db' },
      history: { host: '127.0.0.1', port: 5558 },
      limits: undefined,
      tokens: 'owned',
    })
  })

  it('are read', () => {
    expect(
      parseNodeConfig({
        listen: ['0.0.0.0:80', '[::1]:0', 'localhost:1'],
        memory: true,
        metrics: '127.0.0.1:9000',
        limits: '5,6',
        tokens: 'all',
        trustedProxies: ['10.0.0.0/8'],
        minLibxmtp: '1.1.5',
        denyWallets: ['0x7e5f4552091a69125d5dfcb7b8c2659029395bdf'],
        retentionDays: '0.5',
        messageRetentionDays: 30,
        maxStoreBytes: 1_000_000,
        chainRpc: ['eip155:1=http://localhost:8545'],
      }),
    ).toEqual({
      listen: [
        { host: '0.0.0.0', port: 80 },
        { host: '::1', port: 0 },
        { host: 'localhost', port: 1 },
      ],
      store: { kind: 'memory' },
      metrics: { host: '127.0.0.1', port: 9000 },
      history: undefined,
      limits: { reads: 5, writes: 6 },
      tokens: 'all',
      privilegedWallets: [],
      deniedWallets: ['0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf'],
      deniedAddresses: [],
      trustedProxies: ['10.0.0.0/8'],
      minLibxmtp: { numbers: [1, 1, 5], isPrerelease: false },
      retentionMs: 43_200_000,
      messageRetentionMs: 2_592_000_000,
      welcomeRetentionMs: undefined,
      maxStoreBytes: 1_000_000,
      chains: new Map([[1n, 'http://localhost:8545']]),
    })
  })

  it.each([
    [[], 'must be an object'],
    [{ lissten: [] }, '"lissten" is unknown'],
    [{ listen: ['5555'] }, 'listen must be HOST:PORT'],
    [{ listen: ['127.0.0.1:70000'] }, 'listen must be HOST:PORT'],
    [{ listen: [5] }, 'listen must be a list of texts'],
    [{ memory: true, data: 'x' }, 'exclude each other'],
    [{ memory: 'yes' }, 'must be true or false'],
    [{ limits: '5' }, 'READS,WRITES'],
    [{ limits: '0,5' }, 'READS,WRITES'],
    [{ tokens: 'some' }, 'owned, all or off'],
    [{ trustedProxies: ['ten'] }, 'is no network'],
    [{ minLibxmtp: 'newest' }, 'must be a version'],
    [{ privilegedWallets: ['0x1'] }, 'which is no address'],
    [{ retentionDays: -1 }, 'must be a number above 0'],
    [{ data: '' }, 'must be a text'],
  ])('%j are refused', (settings, text) => {
    expect(() => parseNodeConfig(settings)).toThrow(
      expect.objectContaining({
        code: 'node.config.malformed',
        message: expect.stringContaining(text),
      }),
    )
  })
})
