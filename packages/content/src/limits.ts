/** Bytes that content may inflate to unless the app says otherwise: 1 MiB, the size of the largest plain message. */
export const defaultMaxContentBytes = 1_048_576

/** Bytes that an app may at most allow content to inflate to: 100 MB, the option's ceiling in shipped SDKs. */
export const maxContentBytes = 100_000_000

/** Bytes of content below which compression is not worth its header; shipped SDKs use the same (v1-v2 §16.1). */
export const minCompressedBytes = 10

/** Answers to choose from in one question: more are refused by libxmtp, "for UX reasons". */
export const maxActions = 10

/** Bytes of the metadata of an intent as JSON, as libxmtp limits them. */
export const maxIntentMetadataBytes = 10_240
