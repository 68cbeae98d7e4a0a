/** Messages that one command prints at most. More is a job for a program over the SDK. */
export const maxCount = 1_000_000

/**
 * Bytes of a file in a message. Nodes take messages of 1 MiB, and each copy of a message in a group costs everybody that
 * much: larger files are kept elsewhere and sent by reference.
 */
export const maxFileBytes = 1_000_000

/** Conversations or messages that an ambiguous name is explained with. */
export const maxCandidates = 20
