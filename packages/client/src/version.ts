/** Sent to nodes as `x-client-version`. The same for all packages. */
export const clientVersion = 'xmtp-ts/0.1.0'
