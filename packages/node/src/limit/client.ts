import ipaddr from 'ipaddr.js'
import { XmtpError } from '@xmtp-ts/protocol'

/** Who calls, as far as the network tells. */
export type Client = {
  /** An IPv4 address, or the /64 network of an IPv6 one (B3): what one customer of a provider has. */
  readonly address: string
  /** On this machine itself, and not behind a proxy on it. */
  readonly isLoopback: boolean
}

/** Networks whose word on the client's address is taken. */
export type TrustedProxies = readonly [ipaddr.IPv4 | ipaddr.IPv6, number][]

/** @throws XmtpError `node.config.malformed` for anything but an address or `address/bits` */
export function parseTrustedProxies(networks: readonly string[]): TrustedProxies {
  return networks.map((network) => {
    if (ipaddr.isValidCIDR(network)) return ipaddr.parseCIDR(network)
    if (!ipaddr.isValid(network))
      throw new XmtpError('node.config.malformed', `${JSON.stringify(network)} is no network.`)
    const address = ipaddr.parse(network)
    return [address, address.kind() === 'ipv4' ? 32 : 128]
  })
}

/** Peers without an address: an in-process caller, or a socket that closed meanwhile. */
const unknownClient: Client = { address: 'unknown', isLoopback: false }

/** A caller in this process. */
export const localClient: Client = { address: '127.0.0.1', isLoopback: true }

/** More elements than any chain of proxies; the rest of a forged header is not read. */
const maxForwardedElements = 32

/**
 * The client behind a connection: its peer, or when that is a trusted proxy, the right-most address in
 * X-Forwarded-For that is not (B2).
 */
export function clientOf(
  peer: string | undefined,
  options: { readonly forwardedFor: string | undefined; readonly trusted: TrustedProxies },
): Client {
  let address = parseAddressText(peer ?? '')
  if (address === undefined) return unknownClient
  const hops = (options.forwardedFor ?? '').split(',').slice(-maxForwardedElements)
  while (isTrusted(address, options.trusted)) {
    const hop = parseAddressText(hops.pop()?.trim() ?? '')
    if (hop === undefined) break
    address = hop
  }
  return {
    address: address.kind() === 'ipv4' ? address.toString() : `${networkOf(address)}/64`,
    // A proxy on this machine that nobody configured: its clients share a bucket, rather than have no limits.
    isLoopback: address.range() === 'loopback' && hops.every((hop) => hop.trim() === ''),
  }
}

function networkOf(address: ipaddr.IPv4 | ipaddr.IPv6): string {
  const bytes = address.toByteArray()
  return ipaddr.fromByteArray([...bytes.slice(0, 8), 0, 0, 0, 0, 0, 0, 0, 0]).toString()
}

function isTrusted(address: ipaddr.IPv4 | ipaddr.IPv6, trusted: TrustedProxies): boolean {
  return trusted.some(
    ([network, bits]) => network.kind() === address.kind() && address.match(network, bits),
  )
}

/** IPv4-mapped addresses become IPv4; a port and brackets are left out. */
function parseAddressText(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  const bare = /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ?? text
  const host = /^[\d.]+:\d+$/.test(bare) ? bare.slice(0, bare.indexOf(':')) : bare
  return ipaddr.isValid(host) ? ipaddr.process(host) : undefined
}
