/** Messages that one command prints at most. More is a job for a program over the SDK. */
export const maxCount = 1_000_000

/**
 * Bytes of a file in a message. Nodes take messages of 1 MiB, and each copy of a message in a group costs everybody that
 * much: larger files are kept elsewhere and sent by reference.
 */
export const maxFileBytes = 1_000_000

/** Bytes of a text from stdin; the same as of a file. */
export const maxTextBytes = 1_000_000

/** Conversations or messages that an ambiguous name is explained with. */
export const maxCandidates = 20

/** Characters of the name of a durable stream: with a conversation's id in front it is a name of the client, of at most 200. */
export const maxDurableNameLength = 100

/** Nanoseconds after which messages may disappear at most: 100 years, which fits into the 64 bits of the protocol. */
export const maxDisappearingNs = 3_155_760_000_000_000_000n

/** Nanoseconds since 1970 that the protocol can write. */
export const maxTimeNs = 9_223_372_036_854_775_807n

/** The newest messages among which one is looked for by the beginning of its id; whole ids are found wherever they are. */
export const maxSearchedMessages = 10_000
