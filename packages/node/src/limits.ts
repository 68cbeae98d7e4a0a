/** Every size, count and wait that the node bounds by itself. Units are in the names. */

/** Bytes of one request message: what the reference accepts, far above the largest publish of any client. */
export const maxRequestBytes = 52_428_800

/** Bytes of all HTTP/1.1 bodies being read at one time; further ones are refused instead of filling the memory. */
export const maxBufferedBodyBytes = 268_435_456

/** How long an HTTP/1.1 client may take to send a body. A phone on a bad line sends 1 MiB in well under that. */
export const maxBodyMs = 30_000

/** How long a new connection may say nothing before it is closed: until then its protocol is not known. */
export const maxSilentConnectionMs = 10_000

/** How long an HTTP/1.1 connection is kept for the next request. Longer than what proxies in front keep it. */
export const httpKeepAliveMs = 65_000

/** How long an HTTP/1.1 client may take to send its headers. */
export const maxHeadersMs = 15_000

/** Connections of one listener. Each costs a file descriptor and some 10 kB. */
export const maxConnections = 20_000

/** Streams of one HTTP/2 connection: a push server follows everything over one. */
export const maxStreamsPerConnection = 20_000

/** How often an HTTP/2 connection is pinged, and how long it may take to answer: as the reference. A dead one goes. */
export const connectionPingMs = 300_000
export const connectionPongMs = 20_000

/** Resets of HTTP/2 streams that a connection may burst, and per second after that: clients that cancel live. */
export const streamResetBurst = 20_000
export const streamResetPerSecond = 2_000

/** Subscriptions of the whole node, at some 40 kB each. */
export const maxOpenStreams = 100_000

/** Topics of all subscriptions of one feed together, at some 300 bytes each. */
export const maxFollowedTopics = 2_000_000

/** What one Subscribe stream may ask for: the figures of the other servers of XIP-83. libxmtp adds 1,000 topics at a time. */
export const maxStreamTopics = 1_000_000
export const maxMutateTopics = 100_000
export const maxWaves = 256

/** Bytes that arrive during catch-ups of one Subscribe stream and wait for their end; beyond it the log is read again. */
export const maxGatedBytes = 8_388_608

/** Bytes and topics of one frame of a Subscribe stream: a fraction of what clients take at once. */
export const maxFrameBytes = 2_097_152
export const maxFrameTopics = 10_000

/** Answers to pings and changes that wait for a caller that asks and does not read. */
export const maxControlFrames = 1_024

/** How long a Subscribe stream hears nothing before it pings, and waits for the answer: what published clients count with. */
export const streamKeepaliveMs = 30_000

/** How long one send on a Subscribe stream may be held up by its caller. */
export const maxStalledSendMs = 120_000

/** Payload bytes of one page of a query; the page then ends early, with a cursor. */
export const maxPageBytes = 16_777_216

/** Payload bytes of all pages of one batch of queries. Each query still gets its first envelope. */
export const maxBatchBytes = 33_554_432

/** Group messages, or welcomes, of one call: a transaction's size. libxmtp sends 50 welcomes at most. */
export const maxV3Messages = 1_000

/** Bytes of one group message or welcome: the published cap of the network. */
export const maxV3MessageBytes = 1_048_576

/** Bytes of everything else in a group message or welcome: keys, and metadata of a few bytes. libxmtp sends 1,300. */
export const maxV3AttributeBytes = 16_384

/** Bytes of an answer that takes something from each of many topics: below the 25 MiB that libxmtp takes in one call. */
export const maxV3AnswerBytes = 25_165_824

/** Topics that such an answer reads before its bytes are counted. */
export const topicsPerRead = 16

/** Bytes of the log of an inbox: 256 updates of 4 KiB. Clients fetch the logs of all members of a group in one call. */
export const maxIdentityLogBytes = 1_048_576

/** Bytes of a key package. Those of libxmtp have 1,659. */
export const maxKeyPackageBytes = 65_536

/** Entries of one page, as the reference answers; clients take a smaller page for the last. */
export const maxV3PageEntries = 100

/** Keys, groups or filters of one call. libxmtp asks for 1,000 groups, and subscribes to all it has (B18). */
export const maxV3Keys = 10_000

/** Inboxes or identifiers of one call. libxmtp asks for 50 inboxes at a time. */
export const maxIdentityRequests = 1_000

/** Threads that verify identity updates: more would take cores from everything else. */
export const maxVerifierThreads = 4

/** Identity updates that wait for one thread, at some 2 ms each; a client would not wait for more. */
export const maxVerifications = 1_000

/** Contract signatures of one call: each is a call to a chain. */
export const maxContractChecks = 100

/** How long a chain's server may take for one call. Clients wait ten seconds. */
export const chainCallMs = 5_000

/** Bytes of the answer of a chain's server. The ones we ask for have under 200. */
export const maxChainAnswerBytes = 65_536

/** Calls to chains that run at one time, and that wait for their turn. */
export const maxChainCalls = 16
export const maxChainWaiting = 1_000

/** Bytes of a contract signature: with the deployment of the wallet inside (ERC-6492) they have some kilobytes. */
export const maxContractSignatureBytes = 65_536

/** Verdicts on contract signatures that are remembered, at some 200 bytes each; as many as the reference. */
export const maxContractVerdicts = 10_000

/** Bytes of an archive that one installation leaves for another. The reference takes 15 MB. */
export const maxArchiveBytes = 104_857_600

/** Archives, and their bytes together in a folder and in memory, before more are refused. */
export const maxArchives = 10_000
export const maxArchivesBytes = 10_737_418_240
export const maxMemoryArchivesBytes = 268_435_456

/** How long an archive is kept: a week, as the reference does. How often expired ones are looked for. */
export const archiveRetentionMs = 604_800_000
export const archiveExpiryEveryMs = 3_600_000

/** Uploads at one time, how long one may take, and how long its connection may be silent. */
export const maxUploads = 64
export const maxUploadMs = 300_000
export const maxSilentUploadMs = 15_000

/** Entries of one commit log publish, queries of one commit log query: as the reference. */
export const maxCommitLogEntries = 10
export const maxCommitLogQueries = 20

/** Bytes of one commit log entry. Real ones have about 130. */
export const maxCommitLogEntryBytes = 4_096

/** Envelopes and payload bytes that a follower reads from the log at once. */
export const maxReadEnvelopes = 500
export const maxReadBytes = 4_194_304

/** Topics looked at in one go before other work gets its turn: some 1 ms. */
export const topicsPerTurn = 256

/** Envelopes and bytes that wait for one subscriber in memory. Beyond it a follower reads the log again. */
export const maxQueuedEnvelopes = 1_024
export const maxQueuedBytes = 4_194_304

/** Ephemeral envelopes remembered to suppress exact duplicates. */
export const maxRememberedEphemeral = 10_000

/** Envelopes and payload bytes kept in memory behind the last append, so that followers need not read the disk. */
export const maxTailEnvelopes = 2_048
export const maxTailBytes = 8_388_608

/** Topic names whose number is kept in memory. */
export const maxCachedTopics = 100_000

/** Payload bytes that the in-memory log holds before it refuses more. */
export const maxMemoryLogBytes = 1_073_741_824

/** Pages (of 8 KiB) in the write-ahead log before it is merged, and the bytes its file is cut back to. */
export const walCheckpointPages = 4_000
export const maxIdleWalBytes = 67_108_864

/** How long opening a store waits for a process that is just closing it. */
export const storeLockWaitMs = 1_000

/** How often a failing store is tried again, at most. */
export const storeProbeMs = 1_000

/** How long envelopes outside /xmtp/ are kept: one day, as the reference does. */
export const expirableRetentionMs = 86_400_000

/** How long a key package is kept after its lifetime, for clients whose clocks are behind. */
export const keyPackageGraceMs = 86_400_000

/** How often expired envelopes are looked for, and how many go in one transaction. */
export const pruneEveryMs = 600_000
export const pruneBatchEnvelopes = 1_000

/** Quiet time after which a JSON stream gets a space: clients and proxies give up on silence, Node's fetch at 300 s. */
export const quietStreamMs = 30_000

/** Verified tokens that are remembered. A client uses one for an hour. */
export const maxRememberedTokens = 10_000

/** Calls per client and window: the published promise of the network. */
export const defaultReadsPerWindow = 20_000
export const defaultWritesPerWindow = 3_000
export const limitWindowMs = 300_000

/** Clients whose use is counted at one time; the least recently seen ones start afresh. */
export const maxBuckets = 100_000

/** Distinct clients told apart in metrics; all others are counted as `other`. */
export const maxMetricClients = 100

/** Bytes of a label taken from a client's header. */
export const maxMetricLabelBytes = 40

/** How long streams and calls may take to end when the node closes. */
export const closeGraceMs = 500

/** How long a failing JSON-over-HTTP request's connection may linger after the answer. */
export const lingerMs = 1_000

/** How often the state of the store is looked at for those who watch the health of the node. */
export const readinessEveryMs = 2_000
