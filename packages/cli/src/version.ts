/** Of the package; a test compares them. */
export const cliVersion = '0.1.0'

/** What nodes are told. */
export const appVersion = `xmtp-ts-cli/${cliVersion}`
