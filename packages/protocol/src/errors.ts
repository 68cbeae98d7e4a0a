/** Every code an `XmtpError` can have. The code is the contract; texts may change. */
export const errorCodes = {
  'bytes.malformed': { retry: false, fix: 'Send what the schema asks for.' },
  'bytes.tooLong': { retry: false, fix: 'Send less at once.' },

  'address.malformed': { retry: false, fix: 'Use 0x and 40 hex digits, lower case or EIP-55.' },
  'topic.malformed': { retry: false, fix: 'Use /xmtp/0/<name>/proto.' },
  'topic.tooLong': { retry: false, fix: 'Use at most 300 bytes.' },

  'key.malformed': { retry: false, fix: 'Use keys as the protocol encodes them.' },
  'key.badSignature': { retry: false, fix: 'Ignore the key; its owner did not sign it.' },
  'key.notWalletSigned': { retry: false, fix: 'Use an identity key that a wallet signed.' },
  'key.notLegacy': { retry: false, fix: 'Use the V2 form; this key has no V1 form.' },
  'key.unknown': { retry: false, fix: 'Load the bundle that holds this key.' },
  'signature.malformed': { retry: false, fix: 'Send 64 bytes r ‖ s and a recovery bit of 0 or 1.' },
  'keyBundle.malformed': {
    retry: false,
    fix: 'Do not create new keys; restore the stored bundle.',
  },
  'keyBundle.undecryptable': {
    retry: false,
    fix: 'Sign with the wallet that stored the bundle; do not create new keys.',
  },
  'contact.malformed': { retry: false, fix: 'Skip the envelope.' },

  'ciphertext.malformed': { retry: false, fix: 'Drop it.' },
  'ciphertext.undecryptable': { retry: false, fix: 'Drop it; the key or the data is another one.' },

  'token.malformed': { retry: false, fix: 'Send `Authorization: Bearer <base64 of a Token>`.' },
  'token.badSignature': { retry: false, fix: 'Sign the token with the identity key.' },
  'token.wrongWallet': { retry: false, fix: 'Name the wallet that signed the identity key.' },
  'token.expired': { retry: false, fix: 'Make a new token.' },

  'v2.invitation.malformed': { retry: false, fix: 'Drop the invitation.' },
  'v2.invitation.wrongTime': { retry: false, fix: 'Drop the invitation; it was sent again.' },
  'v2.invitation.notMine': { retry: false, fix: 'Open it with the keys of a party.' },
  'v2.message.malformed': { retry: false, fix: 'Drop the message.' },
  'v2.message.wrongTopic': {
    retry: false,
    fix: 'Drop the message; it is of another conversation.',
  },
  'v2.message.badSignature': { retry: false, fix: 'Drop the message; the sender did not sign it.' },
  'v2.message.notParticipant': { retry: false, fix: 'Drop the message; a stranger wrote it.' },

  'v3.identity.identifier.malformed': {
    retry: false,
    fix: 'Use 0x and 40 lower-case hex digits, a 32-byte installation key or a P-256 key.',
  },
  'v3.identity.accountId.malformed': {
    retry: false,
    fix: 'Use eip155:<chain id>:<0x address>.',
  },
  'v3.identity.inboxId.malformed': { retry: false, fix: 'Use 64 lower-case hex digits.' },
  'v3.identity.update.malformed': { retry: false, fix: 'Send what the schema asks for.' },
  'v3.identity.update.tooLong': { retry: false, fix: 'Split it into several updates.' },
  'v3.identity.update.empty': { retry: false, fix: 'Send at least one action.' },
  'v3.identity.update.wrongInbox': {
    retry: false,
    fix: 'Derive the inbox id from the identifier and the nonce, or name the right inbox.',
  },
  'v3.identity.signature.malformed': {
    retry: false,
    fix: 'Encode the signature as its kind asks for.',
  },
  'v3.identity.signature.invalid': { retry: false, fix: 'Sign the text of this very update.' },
  'v3.identity.signature.notCanonical': {
    retry: false,
    fix: 'Use the lower s, and 0, 1, 27 or 28 as recovery byte.',
  },
  'v3.identity.signature.replayed': { retry: false, fix: 'Sign a new update.' },
  'v3.identity.signature.missing': { retry: false, fix: 'Collect every signature of the draft.' },
  'v3.identity.signature.wrongKind': {
    retry: false,
    fix: 'Sign as this kind of identifier does.',
  },
  'v3.identity.signature.wrongSigner': {
    retry: false,
    fix: 'Let the new member itself sign.',
  },
  'v3.identity.signature.legacyReused': {
    retry: false,
    fix: 'Use a V2 key only in the inbox of its wallet with nonce 0.',
  },
  'v3.identity.signature.chainChanged': {
    retry: false,
    fix: 'Sign on the chain that the wallet was added on.',
  },
  'v3.identity.signer.notAllowed': {
    retry: false,
    fix: 'Sign with a member, or with the recovery identifier to revoke or to change it.',
  },
  'v3.identity.contract.notConfigured': {
    retry: false,
    fix: 'Configure an RPC URL for this chain, or use a wallet that is no contract.',
  },
  'v3.identity.log.created': { retry: false, fix: 'Add to the inbox that exists.' },
  'v3.identity.log.notCreated': { retry: false, fix: 'Begin the log with a create action.' },
  'v3.identity.log.full': { retry: false, fix: 'Create a new inbox.' },
  'v3.identity.member.self': { retry: false, fix: 'Let another member sign for the new one.' },
  'v3.identity.member.byInstallation': {
    retry: false,
    fix: 'Let a wallet or a passkey add installations.',
  },
  'v3.identity.member.tooMany': { retry: false, fix: 'Revoke an installation first.' },
  'v3.identity.state.malformed': { retry: false, fix: 'Replay the log of the inbox.' },
  'v3.message.malformed': { retry: false, fix: 'Drop the message.' },
  'v3.topic.malformed': { retry: false, fix: 'Use a kind and the identifier of a known length.' },
  'v3.group.malformed': { retry: false, fix: 'Refuse the group or the commit.' },
  'v3.group.attributeTooLong': { retry: false, fix: 'Use a shorter text.' },
  'v3.group.versionMalformed': { retry: false, fix: 'Use <major>.<minor>.<patch>[-<suffix>].' },
  'v3.group.notDirect': { retry: false, fix: 'Do not join; it is no direct message with us.' },
  'v3.group.commitRefused': { retry: false, fix: 'Ignore the commit and stay in the epoch.' },
  'v3.group.protocolVersionTooLow': {
    retry: false,
    fix: 'Pause the group until this client is newer.',
  },
  'v3.keyPackage.malformed': { retry: false, fix: 'Leave the installation out.' },
  'v3.keyPackage.invalid': { retry: false, fix: 'Leave the installation out.' },
  'v3.welcome.malformed': { retry: false, fix: 'Skip the welcome.' },
  'v3.welcome.notForUs': { retry: false, fix: 'Skip the welcome; its key is not here.' },
  'v3.welcome.undecryptable': { retry: false, fix: 'Skip the welcome.' },
  'v3.commitLog.malformed': { retry: false, fix: 'Drop the entry.' },
  'v3.commitLog.badSignature': { retry: false, fix: 'Drop the entry; the group did not sign it.' },

  'preferences.malformed': { retry: false, fix: 'Skip the entry.' },
  'consentProof.invalid': { retry: false, fix: 'Ignore the proof.' },

  'content.malformed': { retry: false, fix: 'Drop the message; it carries no typed content.' },
  'content.unknownType': { retry: false, fix: 'Show the fallback, or register a codec.' },
  'content.undecodable': { retry: false, fix: 'Show the fallback.' },
  'content.badDigest': {
    retry: false,
    fix: 'Do not use the file; it is not the one that was sent.',
  },
  'content.badCompression': { retry: false, fix: 'Use zlib (0) or gzip (1) streams.' },
  'content.tooLong': { retry: false, fix: 'Raise maxContentSize, or send less.' },

  'client.network.unreachable': { retry: true, fix: 'Check the URL, the network and the node.' },
  'client.network.timeout': { retry: true, fix: 'Retry with backoff.' },
  'client.network.malformedAnswer': { retry: false, fix: 'Check that the URL is of an XMTP node.' },
  'client.network.endless': { retry: true, fix: 'Sync again: it goes on where this ended.' },
  'client.network.answerTooLong': { retry: false, fix: 'Ask for less at once.' },
  'client.node.unavailable': { retry: true, fix: 'Retry with backoff, or use another node.' },
  'client.node.busy': { retry: true, fix: 'Wait as long as the node says.' },
  'client.node.unauthenticated': { retry: false, fix: 'Create the client anew; check the clock.' },
  'client.node.denied': { retry: false, fix: 'Publish only what this account may publish.' },
  'client.node.refused': { retry: false, fix: 'Change the request; the node says what is wrong.' },
  'client.node.otherLog': { retry: false, fix: 'Query what was missed; the node lost its log.' },
  'client.node.failed': { retry: false, fix: 'See the log of the node.' },
  'client.closed': { retry: false, fix: 'Create a new client.' },
  'client.env.gone': { retry: false, fix: "Use env: 'local', or give an apiUrl." },
  'client.inbox.unknown': { retry: false, fix: 'Ask them to register; see canMessage.' },
  'client.inbox.noSuchState': { retry: false, fix: 'Refuse what names it.' },
  'client.inbox.badLog': { retry: false, fix: 'Do not trust this inbox, or use another node.' },
  'client.inbox.logChanged': {
    retry: false,
    fix: 'Use another node; it told another story before.',
  },
  'client.inbox.unconfirmed': {
    retry: false,
    fix: 'Use another node; the log of the inbox says otherwise.',
  },
  'client.inbox.other': { retry: false, fix: 'Open the store of this account, or an empty one.' },
  'client.inbox.notRecovery': { retry: false, fix: 'Sign with the recovery identifier.' },
  'client.inbox.unchanged': { retry: false, fix: 'Nothing needs to be signed.' },
  'client.inbox.taken': { retry: false, fix: 'Allow its reassignment, or choose another account.' },
  'client.signer.unusable': {
    retry: false,
    fix: 'Pass a private key, a viem account or wallet client, an ethers signer or an EIP-1193 provider.',
  },
  'client.signer.missing': { retry: false, fix: 'Pass a signer, or privateKeyOverride.' },
  'client.signer.refused': { retry: true, fix: 'Confirm the signature in the wallet.' },
  'client.signer.notExternallyOwned': {
    retry: false,
    fix: 'Use an externally owned account; V1 and V2 cannot serve contract wallets.',
  },
  'client.signer.wrongAccount': { retry: false, fix: 'Sign with the account that was named.' },
  'client.signer.contractRefused': { retry: false, fix: 'Check the chain id and the wallet.' },
  'client.keyStore.unusable': { retry: false, fix: 'Check the file and its folder.' },
  'client.keyStore.exposed': { retry: false, fix: 'Make the file readable by its owner only.' },
  'client.conversation.unknown': { retry: false, fix: 'Sync, or use an id from a list.' },
  'client.conversation.inactive': { retry: false, fix: 'Ask a member to add you again.' },
  'client.conversation.paused': { retry: false, fix: 'Update this client.' },
  'client.group.cannotLeave': {
    retry: false,
    fix: 'Leave groups with other members, after giving up being a super admin.',
  },
  'client.group.tooLarge': { retry: false, fix: 'Add fewer, or make a second group.' },
  'client.group.noKeyPackage': { retry: false, fix: 'Ask them to open their app once.' },
  'client.group.lostRaces': { retry: true, fix: 'Try again when the group is calmer.' },
  'client.group.unsettled': { retry: true, fix: 'Sync later; the commit may still count.' },
  'client.group.loneProposal': { retry: false, fix: 'Drop it; nothing can refer to it.' },
  'client.group.ownCommitLost': {
    retry: false,
    fix: 'Ask a super admin to remove and add this installation; do not open older copies of a store.',
  },
  'client.group.commitLate': { retry: false, fix: 'Nothing: the change is made again.' },
  'client.message.refused': { retry: false, fix: 'Drop the message; `details.mlsCode` says why.' },
  'client.message.falsePlace': { retry: false, fix: 'Use another node; this one is broken.' },
  'client.message.senderGone': { retry: false, fix: 'Drop the message, as other clients do.' },
  'client.welcome.refused': { retry: false, fix: 'Drop the welcome; `details.mlsCode` says why.' },
  'client.welcome.badMembers': {
    retry: false,
    fix: 'Drop the welcome; the group is not as it says.',
  },
  'client.welcome.takeover': {
    retry: false,
    fix: 'Drop the welcome; the group stays as it is. A super admin can let this installation in again.',
  },
  'client.welcome.pointeeMissing': { retry: false, fix: 'Ask to be added again.' },
  'client.welcome.tooManyLate': { retry: false, fix: 'Ask to be added again, a day later.' },
  'client.readd.refused': {
    retry: false,
    fix: 'Allow the conversation first, if the installation shall come back.',
  },
  'client.welcome.foreignSync': {
    retry: false,
    fix: 'Drop the welcome; sync groups are among installations of one inbox.',
  },

  'client.deviceSync.foreign': { retry: false, fix: 'Drop the message; its sender is not us.' },
  'client.deviceSync.malformed': { retry: false, fix: 'Update the installation that sent it.' },
  'client.history.badUrl': {
    retry: false,
    fix: 'Use https, or the URL that `historySyncUrl` names.',
  },
  'client.history.unavailable': { retry: true, fix: 'Retry with backoff.' },
  'client.history.refused': {
    retry: false,
    fix: 'Check the URL; archives are kept for some days only.',
  },
  'client.archive.unknown': {
    retry: false,
    fix: 'Sync, and choose one of `listAvailableArchives`.',
  },
  'client.archive.malformed': { retry: false, fix: 'Use the archive as it was written.' },
  'client.archive.newer': { retry: false, fix: 'Use a newer version of this client.' },
  'client.archive.wrongKey': { retry: false, fix: 'Use the key that the archive was made with.' },
  'client.archive.tooLarge': { retry: false, fix: 'Make a smaller one, with `startNs`.' },

  'client.store.busy': { retry: true, fix: 'Retry; other processes write at the same time.' },
  'client.store.unusable': { retry: false, fix: 'Check the file, its folder and the free space.' },
  'client.store.full': { retry: true, fix: 'Free some space; what was stored before is whole.' },
  'client.store.readOnly': { retry: false, fix: 'Make the file and its folder writable.' },
  'client.store.closed': { retry: false, fix: 'Open the store again.' },
  'client.store.newer': { retry: false, fix: 'Use the version that wrote it, or a newer one.' },
  'client.store.damaged': { retry: false, fix: 'Restore a backup, or begin with a new store.' },
  'client.store.wrongKey': {
    retry: false,
    fix: 'Open the store with the key that it was made with.',
  },
  'client.store.encrypted': { retry: false, fix: 'Open the store with its key.' },
  'client.store.notEncrypted': { retry: false, fix: 'Open the store without a key.' },
  'client.stream.failed': { retry: true, fix: 'Open the stream again when the node is back.' },
  'client.peer.notOnNetwork': { retry: false, fix: 'Ask them to register; see canMessage.' },
  'client.peer.self': { retry: false, fix: 'Write to another account.' },
  'client.peer.needsV1': { retry: false, fix: 'Give a conversationId, or use a V1 client.' },
  'client.envelope.empty': { retry: false, fix: 'Publish envelopes with a topic and a payload.' },

  'cli.usage': { retry: false, fix: 'See --help.' },
  'cli.key.missing': {
    retry: false,
    fix: 'Set XMTP_WALLET_KEY, or run `xmtp-ts identity create`.',
  },
  'cli.key.malformed': { retry: false, fix: 'A wallet key is 64 hex digits.' },
  'cli.storeKey.missing': {
    retry: false,
    fix: 'Restore store.key, set XMTP_STORE_KEY, or begin with another --db.',
  },
  'cli.storeKey.malformed': { retry: false, fix: 'A store key is 64 hex digits.' },
  'cli.archiveKey.missing': { retry: false, fix: 'Name it with --archive-key.' },
  'cli.archiveKey.malformed': { retry: false, fix: 'A key of an archive is 64 hex digits.' },
  'cli.conversation.unknown': { retry: false, fix: 'See `xmtp-ts conversations`.' },
  'cli.conversation.ambiguous': { retry: false, fix: 'Name it by more of its id.' },
  'cli.message.unknown': { retry: false, fix: 'See `xmtp-ts history`.' },
  'cli.message.ambiguous': { retry: false, fix: 'Name it by more of its id.' },
  'cli.installation.unknown': { retry: false, fix: 'See `xmtp-ts installations list`.' },
  'cli.installation.revoked': {
    retry: false,
    fix: 'Use another --db, or remove this store; --no-sync shows what is in it.',
  },
  'cli.installation.ambiguous': { retry: false, fix: 'Name it by more of its id.' },
  'cli.file.unreadable': { retry: false, fix: 'Check the name and who may read it.' },
  'cli.file.unwritable': { retry: false, fix: 'Name another file.' },

  'node.request.malformed': { retry: false, fix: 'Send the message that the method asks for.' },
  'node.request.tooLong': { retry: false, fix: 'Send less at once.' },
  'node.request.tooSlow': { retry: true, fix: 'Send the whole request within the time limit.' },
  'node.method.unknown': { retry: false, fix: 'Call a method that this node offers.' },
  'node.publish.noTopic': { retry: false, fix: 'Name a content topic in every envelope.' },
  'node.publish.payloadTooLong': { retry: false, fix: 'Send less, or an attachment by reference.' },
  'node.publish.tooManyEnvelopes': { retry: false, fix: 'Publish in several requests.' },
  'node.query.noTopics': { retry: false, fix: 'Name at least one content topic.' },
  'node.query.pageTooLong': { retry: false, fix: 'Ask for less and follow the cursor.' },
  'node.query.tooManyQueries': { retry: false, fix: 'Send several batches.' },
  'node.query.cursorTooLong': { retry: false, fix: 'Pass the cursor as it came.' },
  'node.topics.tooMany': { retry: false, fix: 'Name fewer topics at once.' },
  'node.auth.missing': { retry: false, fix: 'Send `Authorization: Bearer <base64 of a Token>`.' },
  'node.auth.restrictedTopic': { retry: false, fix: 'Only the wallet named in it writes there.' },
  'node.client.tooOld': { retry: false, fix: 'Update the SDK.' },
  'node.auth.denied': { retry: false, fix: 'Ask the operator of this node.' },
  'node.limit.exceeded': { retry: true, fix: 'Wait as long as Retry-After says.' },
  'node.streams.tooMany': { retry: true, fix: 'Close streams, or use another node.' },
  'node.stream.tooSlow': { retry: true, fix: 'Read faster and open the stream again.' },
  'node.resume.malformed': { retry: false, fix: 'Pass the resume token as it came.' },
  'node.resume.foreign': { retry: false, fix: 'Query what was missed and open without a token.' },
  'node.health.unknownService': { retry: false, fix: 'Ask for a service of this node, or "".' },
  'node.v3.none': { retry: false, fix: 'Send at least one.' },
  'node.v3.answerTooLong': { retry: false, fix: 'Ask for fewer in one call.' },
  'node.v3.tooMany': { retry: false, fix: 'Send fewer at once.' },
  'node.v3.keyMissing': { retry: false, fix: 'Name a group or an installation.' },
  'node.v3.message.malformed': {
    retry: false,
    fix: 'Send one MLS message of a group, with nothing behind it.',
  },
  'node.v3.welcome.malformed': { retry: false, fix: 'Fill in every field of the welcome.' },
  'node.v3.keyPackage.missing': { retry: false, fix: 'Send the bytes of a key package.' },
  'node.v3.keyPackage.invalid': { retry: false, fix: 'Make a new key package.' },
  'node.v3.commitLog.malformed': { retry: false, fix: 'Fill in every field of the entry.' },
  'node.v3.commitLog.descending': { retry: false, fix: 'Query in ascending order.' },
  'node.v3.identity.missing': { retry: false, fix: 'Send an identity update.' },
  'node.subscribe.malformed': { retry: false, fix: 'Change the set of topics as XIP-83 says.' },
  'node.subscribe.tooMuch': { retry: false, fix: 'Ask one stream for less.' },
  'node.subscribe.silent': { retry: true, fix: 'Answer pings, and open the stream again.' },
  'node.subscribe.stalled': { retry: true, fix: 'Read faster and open the stream again.' },
  'node.chain.unavailable': {
    retry: true,
    fix: 'Retry with backoff; check the RPC URL of the chain.',
  },
  'node.history.tooLong': { retry: false, fix: 'Leave less in one archive.' },
  'node.history.full': { retry: true, fix: 'Wait until older archives have expired.' },
  'node.closing': { retry: true, fix: 'Connect again.' },
  'node.overloaded': { retry: true, fix: 'Retry with backoff.' },
  'node.store.unavailable': { retry: true, fix: 'Retry with backoff; see the log of the node.' },
  'node.store.unusable': { retry: false, fix: 'Name a folder that this user may write to.' },
  'node.store.damaged': { retry: false, fix: 'Restore the file from a copy; see docs/node.md.' },
  'node.store.newer': { retry: false, fix: 'Start the version that wrote it, or a newer one.' },
  'node.store.locked': { retry: false, fix: 'Stop the other node, or choose another folder.' },
  'node.config.malformed': { retry: false, fix: 'See docs/node.md for every setting.' },
  'node.listen.busy': { retry: false, fix: 'Stop what listens there, or choose another port.' },
  'node.listen.impossible': { retry: false, fix: 'Listen on an address of this machine.' },
} as const satisfies Record<string, { retry: boolean; fix: string }>

export type ErrorCode = keyof typeof errorCodes

export type XmtpErrorOptions = { details?: Readonly<Record<string, unknown>>; cause?: unknown }

/** The one error class of the project. Never holds secrets or plaintext. */
export class XmtpError extends Error {
  override readonly name = 'XmtpError'
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, what: string, options: XmtpErrorOptions = {}) {
    super(
      `[${code}] ${what} ${errorCodes[code].fix}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    )
    this.code = code
    this.details = options.details ?? {}
  }

  /** Whether the same call may succeed later without a change. */
  get retry(): boolean {
    return errorCodes[this.code].retry
  }
}

/** Failure that is part of the work is a value, not an exception. */
export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: XmtpError }

/** Runs a step that throws `XmtpError` for bad input; any other error is a bug and passes through. */
export function attempt<T>(step: () => T): Result<T> {
  try {
    return { ok: true, value: step() }
  } catch (error) {
    if (error instanceof XmtpError) return { ok: false, error }
    throw error
  }
}
