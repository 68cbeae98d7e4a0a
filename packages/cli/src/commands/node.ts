import { Option } from 'commander'
import type { NodeOptions } from '../verbs/node.ts'
import type { VerbContext } from '../verb.ts'
import { addVerb, type Tree } from './define.ts'

export function addNode(tree: Tree): void {
  addVerb(tree, {
    usage: 'node',
    does: 'Run a node until Ctrl-C. Every listener serves gRPC, gRPC-Web, HTTP/JSON, health.',
    needs: 'machine',
    options: [
      new Option('--listen <host:port...>', 'where to listen; port 0 picks a free one'),
      new Option('--data <dir>', 'the folder of the store (default: ./.xmtp-ts)'),
      new Option('--memory', 'keep everything in memory'),
      new Option('--config <file>', 'a JSON file of settings; flags go before it'),
      new Option('--metrics <host:port>', 'serve metrics to others than this machine'),
      new Option('--history <host:port>', 'where the history service listens, or off'),
      new Option(
        '--limits <reads,writes>',
        'calls per client in five minutes, clients here included',
      ),
      new Option('--tokens <policy>', 'publish tokens: owned (default), all or off'),
      new Option('--trusted-proxies <address...>', 'whose X-Forwarded-For is believed'),
      new Option('--min-libxmtp <version>', 'refuse clients over an older libxmtp'),
      new Option('--privileged-wallets <address...>', 'wallets that may publish to every topic'),
      new Option('--deny-wallets <address...>', 'wallets that may not publish'),
      new Option('--deny-addresses <ip...>', 'addresses that are not served'),
      new Option('--retention-days <days>', 'how long expirable envelopes are kept'),
      new Option(
        '--message-retention-days <days>',
        'how long V3 keeps messages that are no commits',
      ),
      new Option('--welcome-retention-days <days>', 'how long V3 keeps welcomes'),
      new Option('--max-store-bytes <bytes>', 'size at which the store takes nothing more'),
      new Option(
        '--chain-rpc <chain=url...>',
        'whom to ask about contract wallets: eip155:1=https://…',
      ),
    ],
    examples: [
      'node',
      'node --listen 127.0.0.1:0 --memory --json',
      'node --listen 0.0.0.0:5555 --data /var/lib/xmtp --limits 20000,3000',
    ],
    // Loaded for itself: every other command would start half as fast.
    verb: async (options: NodeOptions, context: VerbContext) => {
      const { node } = await import('../verbs/node.ts')
      return node(options, context)
    },
  })
}
