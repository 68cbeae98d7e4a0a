/** Milliseconds that one unary call may take. A node answers in tens; a long page over a bad line in seconds. */
export const callTimeoutMs = 30_000

/** Milliseconds in which an answer may still come to its end when nobody reads on, so that its connection can be kept. */
export const leftBodyMs = 1_000

/** Milliseconds until the headers of a stream must be here. Nodes send them at once. */
export const openStreamTimeoutMs = 15_000

/**
 * Milliseconds without a message after which a stream is opened anew: dead connections look like quiet ones, and Node's
 * fetch ends a body that is silent for 300 s anyway. Resuming costs one call and loses nothing.
 */
export const quietStreamMs = 240_000

/** Bytes of one answer or of one message of a stream: a full page of the largest envelopes is 105 MB. */
export const maxAnswerBytes = 110_000_000

/** Bytes of the trailers of a call. Real ones have under 200. */
export const maxTrailerBytes = 65_536

/** Tries of one call that the node could not serve at that moment, the first one included. */
export const maxTries = 5

/** Milliseconds before the second try of a call; doubles from there. */
export const firstRetryMs = 100

/** Milliseconds that a call waits at most between two tries, unless the node itself names a time. */
export const maxRetryMs = 2_000

/** Milliseconds of a node's Retry-After that a call will sit out; beyond it the caller decides. */
export const maxRetryAfterMs = 30_000

/** Milliseconds before a lost stream is opened again for the third time (the second is at once); doubles. */
export const firstReconnectMs = 100

/** Milliseconds between attempts to connect again at most: a node that returns is found within a second. */
export const maxReconnectMs = 800

/** Milliseconds that a connection must live to count as good: sooner ended ones are not reopened at once for ever. */
export const goodConnectionMs = 5_000

/**
 * Nanoseconds before the last known envelope from which history is read again where a node cannot resume: 24 hours.
 * Envelopes are ordered by their senders' clocks, so a late one may carry an early time.
 */
export const overlapNs = 86_400_000_000_000n

/** Nanoseconds that two clients' clocks may differ without a message being taken for an older one: 10 s. */
export const clockSkewNs = 10_000_000_000n

/** Envelopes that a stream remembers to drop doubles. About 15 MB at the most; a day of any real account. */
export const maxRememberedEnvelopes = 50_000

/** Public key bundles that are kept as verified. About 1 kB each. */
export const maxVerifiedBundles = 10_000

/** Contacts kept after a look-up. */
export const maxCachedContacts = 10_000

/** Milliseconds after which a publish token is made anew; nodes refuse those of an hour. */
export const tokenLifetimeMs = 3_000_000

/** Envelopes of a contact topic read at once. The newest is nearly always the one. */
export const contactPageEnvelopes = 5

/** Envelopes of one contact topic that a look-up reads before it gives up; only the owner writes there. */
export const maxContactEnvelopes = 500

/** Bytes of a key file. A bundle with one pre-key has about 600. */
export const maxKeyFileBytes = 1_048_576

/** Conversations kept in memory for one account. About 1 kB each. */
export const maxConversations = 200_000

/**
 * Accounts that one conversation topic may belong to at once. One, but for old topics of random names, which anyone who
 * saw one can name: every message there is tried with each key.
 */
export const maxConversationsPerTopic = 8

/** Topics in one query for the history of a stream: a node answers it in one go. */
export const maxHistoryTopics = 1_000

/** States of inboxes kept in memory. About 5 kB each; a group of 250 members needs 250. */
export const maxInboxStates = 1_000

/** Bytes of one stored state of an inbox: room for a thousand members. Real ones have about 2,000 bytes. */
export const maxInboxStateBytes = 262_144

/** Bytes of states of inboxes that are written at once. */
export const maxInboxBatchBytes = 8_388_608

/** Tries to write beside other processes. Each failure means that one of them got further. */
export const maxInboxWriteTries = 16

/** Characters of a record's key. Real ones have under 300. */
export const maxRecordKeyBytes = 1_024

/** Bytes of one record: the state of the largest group has a few million. */
export const maxRecordBytes = 67_108_864

/** Records that SQLite is asked for at most: the largest count that every binding passes on as an integer. */
export const maxScannedRecords = 2_147_483_647

/** Batches that share one transaction of a store: a page of welcomes. */
export const maxSharedWrites = 100

/** Milliseconds that a store waits for the lock of another process. Transactions take milliseconds. */
export const storeLockWaitMs = 10_000

/** Milliseconds between two tries to get that lock; also those that SQLite itself waits, with the thread. */
export const storeLockRetryMs = 10

/** Nanoseconds after which a key package is replaced: 30 days, as libxmtp does (v3-mls §2). */
export const keyPackageRotationNs = 2_592_000_000_000_000n

/** Nanoseconds after a welcome in which the key package is replaced: 5 s (v3-mls §2). */
export const pulledRotationNs = 5_000_000_000n

/** Nanoseconds that keys are kept after their key package was replaced: 24 hours, for welcomes on their way. */
export const keyPackageKeptNs = 86_400_000_000_000n

/** Nanoseconds in which a process that replaces the key package must be done: 10 minutes, longer than all tries of a call. */
export const keyPackageClaimNs = 600_000_000_000n

/** Key packages that are kept at once; while there are more, welcomes do not hasten the next one. About 5 kB each. */
export const maxKeptKeyPackages = 500

/** Records read from a store at once: a page of the largest kind, messages, is then some megabytes. */
export const scanPageRecords = 1_000

/** Groups whose MLS state is kept in memory. About 100 kB each with 50 members. */
export const maxLoadedGroups = 200

/** Times that a change is worked out anew because another process wrote first. */
export const maxConflicts = 20

/** Times that a commit is made anew because somebody else's came first. Each time one of the rivals wins. */
export const maxCommitTries = 20

/** Milliseconds before a lost race is run again, doubled each time up to 64 times as long, less a random part. */
export const commitRetryMs = 10

/**
 * Epochs that a message may be behind and still be read (v3-mls §3.1). libxmtp sends its own ones again from three on
 * (§7.2), but reads those of others: what was sent twice has another time for its sender than for everybody else.
 */
export const maxEpochsBehind = 3n

/**
 * Times that a part of a group's log is read again when something in it was missing or not taken: a node that is honest
 * again shows it then.
 */
export const maxRereads = 8

/** Inboxes in a group (v3-mls §5.2). */
export const maxGroupInboxes = 250

/** Nanoseconds after which members' new installations are looked for before a message is sent: 5 s (v3-mls §5.2). */
export const installationCheckNs = 5_000_000_000n

/** Nanoseconds after which they are looked for when a conversation is synced: 30 minutes (v3-mls §5.2). */
export const installationSyncNs = 1_800_000_000_000n

/** Nanoseconds after which our own key in a group is replaced before a message is sent: 30 days (v3-mls §5.5). */
export const rotationNs = 2_592_000_000_000_000n

/** Conversations that are brought up to date side by side. */
export const maxParallelGroups = 10

/** Conversations that a second stream follows before all are put on one again. */
export const maxLateGroups = 64

/** Groups with something new that are asked for one by one; more are read from one subscription. */
export const maxQueriedGroups = 2

/** Messages of a subscription to many groups that are taken in together. About 500 bytes each. */
export const catchUpMessages = 200

/** Milliseconds without a message after which such a subscription is given up, and the rest asked for group by group. */
export const catchUpQuietMs = 3_000

/** Messages from streams that wait to be taken in; the connection is not read further meanwhile. */
export const maxInflowMessages = 1_000

/** Bytes of such messages: a few of the largest, or all of them at 100 kB each. */
export const maxInflowBytes = 104_857_600

/** Milliseconds between two looks at a part of a log that was doubted, while streams are open. */
export const rereadWaitMs = 5_000

/** Installations of an inbox from which on an app is warned; 10 are the limit. */
export const manyInstallations = 8

/** Updates of an inbox from which on an app is warned; 256 are the limit. */
export const manyUpdates = 200

/** Key packages asked for in one call. About 2 kB each in the answer. */
export const maxKeyPackagesPerCall = 500

/** Groups in one question for their newest messages, as libxmtp asks (v3-mls §9.3). */
export const maxNewestPerCall = 1_000

/** Messages, welcomes or entries of a commit log in one page, as every node counts. */
export const maxPageMessages = 100

/** Messages sent in one call: nodes take a thousand. */
export const maxMessagesPerCall = 500

/** Bytes of messages sent in one call, but for a single larger one. Nodes take 50 MB. */
export const maxMessageBytesPerCall = 10_485_760

/** Pages that one query follows: 200,000 messages. What was read is kept, and the next query goes on there. */
export const maxPages = 2_000

/** The highest place in a log that is believed: 2^48, the millionth entry of each second for nine years. */
export const maxLogPlace = 281_474_976_710_656n

/** Bytes of one group message or welcome: libxmtp takes no larger answer. */
export const maxMlsMessageBytes = 26_214_400

/** Bytes of a key package that is worth parsing. Real ones have under 3,000. */
export const maxFetchedKeyPackageBytes = 65_536

/** Queries, and entries to publish, of commit logs in one call, as nodes allow (node-api §6). */
export const maxCommitLogQueriesPerCall = 20
export const maxCommitLogEntriesPerCall = 10

/** Inboxes whose logs are asked for in one call, as libxmtp does (v3-mls §9.3): answers have no pages. */
export const maxInboxesPerCall = 50

/** Calls for logs of inboxes that are under way at once. */
export const maxParallelCalls = 4

/** Identifiers looked up in one call. */
export const maxIdentifiersPerCall = 1_000

/** Signatures of contract wallets in one call: each makes the node ask a chain. */
export const maxContractChecksPerCall = 50

/** Messages read from the store at once for a list: bounds what a long list holds twice. */
export const messagePageRecords = 200

/** Messages of a list up to which reactions are looked up one by one; for more the index of the group is read whole. */
export const maxReferenceScans = 100

/** Entries of a log that a stream reads at once. */
export const streamPageEntries = 50

/** Milliseconds after which a stream looks into the store by itself: another process of this store raises no signal here. */
export const logPollMs = 1_000

/** Entries of each log that stay although every named reader has passed them: other processes read them too. */
export const keptLogEntries = 10_000

/** Entries of each log at the most: a named reader that is never opened again loses what is older. About 100 bytes each. */
export const maxLogEntries = 1_000_000

/** Entries of a log that are removed at once. */
export const trimmedEntries = 1_000

/** Characters of a durable reader's name. */
export const maxReaderNameLength = 200

/** Milliseconds that changes of conversations are collected before what apps hold of them is read again. */
export const conversationRefreshMs = 20

/** Milliseconds that a list of messages waits for the stream to bring back what was just sent. */
export const confirmationWaitMs = 1_000

/** Milliseconds before those who asked to leave are tried to be removed again. */
export const leaveRetryMs = 2_000

/** Milliseconds before what came too late for others to read is tried to be sent again. */
export const lateRetryMs = 2_000

/** Messages whose time is over that are deleted at once. */
export const expiredPage = 500

/** Milliseconds between two looks whether the key package is to be replaced: after a welcome it is, 5 s later. */
export const keyPackageLookMs = 5_000

/** Milliseconds between two looks into the commit logs: 5 minutes, as libxmtp (v3-mls §3.9). */
export const commitLogLookMs = 300_000

/** The least that an app may set it to, in milliseconds, as libxmtp has it. */
export const minCommitLogLookMs = 2_000

/** Entries of each commit log that are kept for a group, ours and the node's. About 150 bytes each. */
export const keptCommits = 1_000

/**
 * Nanoseconds after which a commit that failed counts as failed although what was before it is still doubted: 10 minutes. It
 * may count after all, when what was missing before it has come.
 */
export const failureSettleNs = 600_000_000_000n

/** Pages of commit logs that are read one after the other; the rest the next time. */
export const maxCommitLogPages = 20

/** Entries of a commit log that are removed at once. */
export const trimmedCommits = 100

/** Characters of why a commit failed that are kept. */
export const maxFailureLength = 300

/** Looks for what a welcome pointer points to before it is put off: it is sent before the pointer. */
export const pointeeTries = 4

/** Milliseconds before the second of them; three times as long before each next one. */
export const firstPointeeWaitMs = 50

/** Nanoseconds until a welcome that was put off is looked for again: 5 minutes, half as long again each time (v3-mls §4.2). */
export const firstLateWelcomeNs = 300_000_000_000n

/** Nanoseconds between two such looks at the most: 2 hours. */
export const maxLateWelcomeWaitNs = 7_200_000_000_000n

/** Such looks at the most. */
export const maxLateWelcomeAttempts = 100

/** Nanoseconds after which a welcome that did not come is given up: 3 days. */
export const lateWelcomeNs = 259_200_000_000_000n

/** Welcomes that are put off at once; more are refused. About 150 bytes each: pointers to nothing cost their sender nothing. */
export const maxLateWelcomes = 500

/** Milliseconds between two looks whether one is due; the clock may be set while a process sleeps. */
export const lateWelcomeLookMs = 60_000

/** Bytes of one element of an archive: a message has 25 MiB at the most, and little is around it. */
export const maxArchiveElementBytes = 33_554_432

/** Bytes of the window of an archive's Zstandard frame: RFC 8878 asks decoders for 8 MiB; libxmtp writes with 2. */
export const maxArchiveWindowBytes = 8_388_608

/** Elements, and bytes of them, of an archive that are stored together. */
export const archiveBatchElements = 200
export const archiveBatchBytes = 4_194_304

/** Bytes of an archive that is sent to or comes from a history service: services take 100 MiB. */
export const maxHistoryBytes = 104_857_600

/** Milliseconds that an upload to or a download from a history service may take. */
export const historyTimeoutMs = 300_000

/** Bytes of a history service's answer to an upload. A name has 36. */
export const maxHistoryAnswerBytes = 1_024

/** Characters of a URL in a message of a sync group. */
export const maxHistoryUrlLength = 2_048

/** Decisions in one message of a sync group. About 100 bytes each. */
export const maxPreferencesPerMessage = 500

/** Decisions that are taken from one message of a sync group: everybody's, in the largest group, forty times. */
export const maxPreferencesTaken = 10_000

/** Nanoseconds after which a conversation without a word is not extended to a new installation: 90 days, as in libxmtp. */
export const activeGroupNs = 7_776_000_000_000_000n

/** Tries of what a message of a sync group asks for. */
export const maxSyncTaskTries = 10

/** Milliseconds before the second try; doubles from there, up to an hour. */
export const firstSyncRetryMs = 5_000
export const maxSyncRetryMs = 3_600_000

/** Milliseconds between two looks for what other processes of this store left to do for other installations. */
export const syncLookMs = 20_000

/** Bytes of the id of a group that somebody names to us. Real ones have 16. */
export const maxGroupIdBytes = 64
