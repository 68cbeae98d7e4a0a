/** Every size and count that the protocol itself bounds. Units are in the names. */

/** Bytes of an envelope's payload: a 1 MiB frame less topic (300) and framing (62), as the reference node counts. */
export const maxEnvelopePayloadBytes = 1_048_214

/** Bytes of a content topic, UTF-8. */
export const maxContentTopicBytes = 300

/** Envelopes in one page of a query. */
export const maxQueryPageEnvelopes = 100

/** Envelopes in one page of a query for a single `userpreferences-` topic: consent lists are long. */
export const maxPreferencesPageEnvelopes = 500

/** Queries in one batch. */
export const maxBatchQueries = 50

/** Topics in one query or subscription. Far above what any client sends; bounds the work of one call. */
export const maxContentTopics = 10_000

/** Envelopes in one publish. A durable transaction's size; clients send at most a handful. */
export const maxPublishEnvelopes = 1_000

/** How old a publish token may be: one hour. */
export const maxTokenAgeNs = 3_600_000_000_000n

/** How far ahead of our clock a publish token may be dated: 25 hours, for wrong time zones of a day. */
export const maxTokenAheadNs = 90_000_000_000_000n

/** Bytes of a token before base64. Real ones have about 400. */
export const maxTokenBytes = 4_096

/** Pre-keys in one private key bundle. Shipped SDKs make one. */
export const maxPreKeys = 1_000

/** How old a consent proof may be: 30 days (v1-v2 §15). */
export const maxConsentProofAgeMs = 2_592_000_000

/** Updates in the log of one inbox, as the reference node counts: what every reader has to replay. */
export const maxIdentityLogUpdates = 256

/** Bytes of one identity update. Real ones have 300 to 700; contract wallets and passkeys add a few thousand each. */
export const maxIdentityUpdateBytes = 1_048_576

/** Actions in one update that a node accepts: each may cost a millisecond of signature checks. */
export const maxIdentityUpdateActions = 256

/** Installations of one inbox before a client refuses to add another (v3-mls §1.9). No rule of the log itself. */
export const maxInboxInstallations = 10

/** Bytes of a group id in a V3 topic. Every known client uses 16; RFC 9420 sets no bound. */
export const maxGroupIdBytes = 255

/** Bytes of a group's attributes, UTF-8, as every client checks them on every commit (v3-mls §3.4). */
export const groupAttributeMaxBytes: ReadonlyMap<string, number> = new Map([
  ['group_name', 100],
  ['description', 1_000],
  ['group_image_url_square', 2_048],
  ['app_data', 8_192],
])

/** Bytes of a key package. Those of all known clients have less than 1,700. */
export const maxKeyPackageBytes = 65_536

/** Welcomes in one request, as libxmtp sends them (v3-mls §4.3). */
export const maxWelcomesPerRequest = 50

/** Bytes of welcomes in one request: what a node reads at once (v3-mls §9.1). */
export const maxWelcomeRequestBytes = 26_214_400
