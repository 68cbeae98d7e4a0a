/** Every bound on what comes from outside, each with its unit and reason. */
export const limits = {
  /** Items in one vector: a group of 2^20 members has 2^21 - 1 tree nodes and nothing is longer. */
  vectorItems: 2 ** 21,
  /** Members: the width of the ratchet tree. Beyond this a full tree no longer fits one message. */
  members: 2 ** 20,
  /** Bytes of one MLSMessage: a welcome with a tree of `members` leaves is below it; 1 GiB is the codec's own end. */
  messageBytes: 256 * 1024 * 1024,
  /** Proposals that wait for a commit in one epoch: a commit must fit them all, and each costs a signature check. */
  pendingProposals: 4096,
  /** Proposals in one commit: each Add costs two signature checks and makes lists in parents longer. */
  commitProposals: 8192,
  /** Generations a ratchet may be asked to skip: each costs three hashes (RFC 9420 §9.1). */
  forwardDistance: 1000,
  /** Generations behind the newest whose keys are kept, per sender. */
  outOfOrder: 5,
  /** Epochs before the current one whose messages can still be read. */
  pastEpochs: 3,
  /** Epochs whose resumption secret is kept (RFC 9420 §8.6 leaves the number to the application). */
  resumptionEpochs: 3,
  /** PSKs in one commit or welcome: each is one hash chain step, and 65,535 is what the count field holds. */
  psks: 65_535,
  /** Kept native key objects: an Ed25519 key costs about 1 KB outside the JavaScript heap. */
  keyObjects: 1024,
  /** Signatures of leaves and key packages that are recognised: about 100 bytes each, two for each installation met. */
  verifiedSignatures: 16_384,
} as const
