import type { AnyCodec } from '@xmtp-ts/content'
import { bytesToHex, v3 } from '@xmtp-ts/protocol'
import { historyUrlOf, type XmtpEnv } from './client/backend.ts'
import { DeviceSyncMethods } from './client/device-sync-methods.ts'
import type { InboxHolder } from './client/inbox-methods.ts'
import { opening, openStored, type Opened } from './client/open.ts'
import type { ClientOptions, ContentsOf } from './client/options.ts'
import {
  canMessageAt,
  fetchInboxStatesAt,
  isAddressAuthorizedAt,
  isInstallationAuthorizedAt,
  revokeInstallationsAt,
  verifySignedWithPublicKey,
} from './client/statics.ts'
import { DebugInformation } from './client/statistics.ts'
import { startRegisteredWorkers, startWorkers } from './client/workers.ts'
import { createBook } from './conversation/book.ts'
import { Conversations } from './conversation/conversations.ts'
import type { Host } from './conversation/host.ts'
import type { Core } from './core.ts'
import {
  canMessage,
  fetchInboxId,
  keyPackageStatuses,
  type KeyPackageStatus,
  type Recipient,
} from './identity/inbox-state.ts'
import {
  readIdentifier,
  writeIdentifier,
  type AccountName,
  type Identifier,
} from './identity/public-identifier.ts'
import { registerCandidate } from './identity/register.ts'
import { createSession } from './message/session.ts'
import { libxmtpVersion, openCore } from './open-core.ts'
import { Preferences } from './preferences.ts'
import { contractsOf, toInboxSigner, type AnyInboxSigner, type InboxSigner } from './signer.ts'

/**
 * An installation of an inbox, in the shape of `@xmtp/node-sdk`. `Client.create` returns a finished one; close it, or use
 * `await using`. Any method may throw XmtpError `client.network.*`, `client.node.*`, `client.store.*` and `client.closed`.
 */
export class Client<Content = unknown> extends DeviceSyncMethods implements AsyncDisposable {
  static readonly revokeInstallations = revokeInstallationsAt
  static readonly fetchInboxStates = fetchInboxStatesAt
  static readonly canMessage = canMessageAt
  static readonly isAddressAuthorized = isAddressAuthorizedAt
  static readonly isInstallationAuthorized = isInstallationAuthorizedAt
  static readonly verifySignedWithPublicKey = verifySignedWithPublicKey

  readonly conversations: Conversations<Content>
  readonly preferences: Preferences
  readonly debugInformation: DebugInformation
  readonly #opened: Opened
  readonly #core: Core
  #isRegistered: boolean

  private constructor(opened: Opened) {
    super()
    const { options, network, parts, candidate, controller } = opened
    const { installation } = candidate
    const { core, feed } = openCore({
      network,
      store: parts.store,
      installation,
      syncsDevices: options.disableDeviceSync !== true,
      onRefused: options.onRefused ?? (() => undefined),
      report: options.onError ?? (() => undefined),
      signal: controller.signal,
    })
    const session = createSession(core, options)
    const host: Host = { ...session, core, feed, readers: new Set(), book: createBook(core) }
    this.conversations = new Conversations<Content>(host)
    this.preferences = new Preferences(host)
    this.debugInformation = new DebugInformation(opened.counted.counts)
    this.#opened = opened
    this.#core = core
    this.#isRegistered = installation.registered
    startWorkers(core)
    if (this.#isRegistered) startRegisteredWorkers(core, options, this.historyUrl)
  }

  /**
   * Opens the installation that the store has for a signer's account, or makes one and registers it: in the inbox of the
   * account, or in a new one.
   * @param signer a private key, a viem account or wallet client, an ethers signer, an EIP-1193 provider, or a signer
   * of `@xmtp/node-sdk` (EOA, SCW), or a passkey
   * @throws XmtpError `client.signer.*`, `client.inbox.*`, `v3.identity.member.tooMany` for an eleventh installation,
   * `v3.identity.log.full`, `client.env.gone`
   */
  static async create<const Codecs extends readonly AnyCodec[] = []>(
    signer: AnyInboxSigner,
    options: ClientOptions & { readonly codecs?: Codecs | undefined } = {},
  ): Promise<Client<ContentsOf<Codecs>>> {
    return opening(options, async (base) => {
      const inboxSigner = await toInboxSigner(signer, contractsOf(base.network.identity))
      const opened = await openStored(base, inboxSigner.identifier, inboxSigner)
      const client = new Client<ContentsOf<Codecs>>(opened)
      if (!client.isRegistered && options.disableAutoRegister !== true)
        await client.#registerFirst(inboxSigner)
      return client
    })
  }

  /**
   * Opens the installation that the store has for an account, without a signer. Nothing is made known to others; see
   * `isRegistered`.
   * @throws XmtpError `client.inbox.*`, `client.env.gone`
   */
  static async build<const Codecs extends readonly AnyCodec[] = []>(
    account: AccountName,
    options: ClientOptions & { readonly codecs?: Codecs | undefined } = {},
  ): Promise<Client<ContentsOf<Codecs>>> {
    return opening(options, async (base) => {
      const opened = await openStored(base, readIdentifier(account), undefined)
      return new Client<ContentsOf<Codecs>>(opened)
    })
  }

  get inboxId(): string {
    return this.#core.self.inboxId
  }

  /** hex */
  get installationId(): string {
    return bytesToHex(this.#core.self.installationId)
  }

  get installationIdBytes(): Uint8Array {
    return this.#core.self.installationId
  }

  override get isRegistered(): boolean {
    return this.#isRegistered
  }

  get accountIdentifier(): Identifier {
    return writeIdentifier(this.#opened.candidate.installation.identifier)
  }

  get env(): XmtpEnv {
    return this.#opened.backend.env
  }

  get options(): ClientOptions {
    return this.#opened.options
  }

  get appVersion(): string {
    return this.#opened.backend.appVersion
  }

  /** The version of libxmtp whose rules this client keeps. */
  get libxmtpVersion(): string {
    return libxmtpVersion
  }

  /** Who has an inbox, by the name that was given. */
  canMessage(people: readonly Recipient[]): Promise<Map<string, boolean>> {
    return canMessage(this.#core, people)
  }

  /** Whether installations can be added to groups. @param installationIds hex */
  async fetchKeyPackageStatuses(
    installationIds: readonly string[],
  ): Promise<Record<string, KeyPackageStatus>> {
    return Object.fromEntries(await keyPackageStatuses(this.#core, installationIds))
  }

  async fetchInboxIdByIdentifier(account: AccountName): Promise<string | null> {
    return (await fetchInboxId(this.#core, account)) ?? null
  }

  /** @returns an Ed25519ph signature, 64 bytes */
  signWithInstallationKey(text: string): Uint8Array {
    return v3.signPublicText(this.#core.self.signingKey, text)
  }

  verifySignedWithInstallationKey(text: string, signature: Uint8Array): boolean {
    const { installationId: publicKey } = this.#core.self
    return v3.isPublicTextSigned(text, { publicKey, bytes: signature })
  }

  /** Ends streams and calls, and closes the store. */
  async close(): Promise<void> {
    this.#opened.controller.abort()
    await this.#opened.parts.store[Symbol.asyncDispose]()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  protected override get core(): Core {
    return this.#core
  }

  protected override get historyUrl(): string | undefined {
    return historyUrlOf(this.env, this.#opened.options.historySyncUrl)
  }

  protected override get holder(): InboxHolder {
    const { parts, signer, candidate, options } = this.#opened
    const { identifier } = candidate.installation
    return { parts, self: this.#core.self, signer, identifier, nonce: options.nonce }
  }

  protected override registered(): void {
    if (this.#isRegistered) return
    this.#isRegistered = true
    startRegisteredWorkers(this.#core, this.#opened.options, this.historyUrl)
  }

  /** With what was just found out about the account. */
  async #registerFirst(signer: InboxSigner): Promise<void> {
    try {
      await registerCandidate(this.#opened.parts, signer, this.#opened.candidate)
      this.registered()
    } catch (error) {
      await this.close()
      throw error
    }
  }
}
