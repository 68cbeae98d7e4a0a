import { v3, XmtpError } from '@xmtp-ts/protocol'
import {
  addAccount,
  changeRecovery,
  planAddition,
  planRecovery,
  planRemoval,
  planRevokeInstallations,
  planRevokeOthers,
  removeAccount,
  revokeAllOtherInstallations,
  revokeInstallations,
  type AccountParts,
  type AccountPlan,
} from '../identity/accounts.ts'
import { readIdentifier, type AccountName } from '../identity/public-identifier.ts'
import { publishChange } from '../identity/publish-update.ts'
import {
  findCandidate,
  planRegistration,
  publishRegistration,
  registerCandidate,
  type RegisterParts,
} from '../identity/register.ts'
import { SignatureRequestHandle } from '../identity/signature-request.ts'
import {
  contractsOf,
  installationSigner,
  toInboxSigner,
  type AnyInboxSigner,
  type InboxSigner,
} from '../signer.ts'

/** Whose inbox it is, and who can sign for it. */
export type InboxHolder = {
  readonly parts: RegisterParts
  readonly self: AccountParts['self']
  readonly signer: InboxSigner | undefined
  readonly identifier: v3.Identifier
  /** Of an inbox that has to be created. */
  readonly nonce: bigint | undefined
}

/**
 * What a client does to its inbox. The `unsafe_…SignatureRequest` methods are for signers that cannot be asked here: the text goes
 * to whoever signs, the signature comes back into the request, and `unsafe_applySignatureRequest` publishes the change.
 */
export abstract class InboxMethods {
  protected abstract readonly holder: InboxHolder

  abstract get isRegistered(): boolean

  /** Told when others can see the installation. */
  protected abstract registered(): void

  /**
   * Makes this installation known: creates the inbox, or adds the installation to it. Does nothing when it is done.
   * @throws XmtpError `client.signer.missing`, `client.signer.*`, `v3.identity.member.tooMany`, `v3.identity.log.full`
   */
  async register(): Promise<void> {
    if (this.isRegistered) return
    const { parts, nonce } = this.holder
    const signer = this.#requireSigner()
    const candidate = await findCandidate(parts, signer.identifier, { nonce })
    if (!candidate.installation.registered) await registerCandidate(parts, signer, candidate)
    this.registered()
  }

  /**
   * Adds an account to the inbox.
   * @param allowInboxReassign whether an account that has another inbox may be taken from it
   * @throws XmtpError `client.inbox.taken`, `client.signer.*`, `v3.identity.*`
   */
  async unsafe_addAccount(newAccount: AnyInboxSigner, allowInboxReassign = false): Promise<void> {
    const { parts } = this.holder
    const signer = await toInboxSigner(newAccount, contractsOf(parts.identity))
    await addAccount(this.#account, signer, { allowReassign: allowInboxReassign })
  }

  /** Removes an account, and the installations that it added. @throws XmtpError `client.inbox.notRecovery` */
  async removeAccount(account: AccountName): Promise<void> {
    await removeAccount(this.#account, this.#requireSigner(), readIdentifier(account))
  }

  /** @throws XmtpError `client.inbox.notRecovery` */
  async revokeAllOtherInstallations(): Promise<void> {
    await revokeAllOtherInstallations(this.#account, this.#requireSigner())
  }

  /** @param installationIds 32 bytes each @throws XmtpError `client.inbox.notRecovery` */
  async revokeInstallations(installationIds: readonly Uint8Array[]): Promise<void> {
    await revokeInstallations(this.#account, this.#requireSigner(), installationIds)
  }

  /** @throws XmtpError `client.inbox.notRecovery` */
  async changeRecoveryIdentifier(account: AccountName): Promise<void> {
    await changeRecovery(this.#account, this.#requireSigner(), readIdentifier(account))
  }

  /** To register this installation; null when it is. The account signs. */
  async unsafe_createInboxSignatureRequest(): Promise<SignatureRequestHandle | null> {
    if (this.isRegistered) return null
    const { parts, identifier, nonce } = this.holder
    const candidate = await findCandidate(parts, identifier, { nonce })
    if (candidate.installation.registered) {
      this.registered()
      return null
    }
    const request = new SignatureRequestHandle(parts, planRegistration(candidate, identifier))
    await request.addSignature(installationSigner(candidate.installation.signingKey))
    return request
  }

  /** To add an account, which signs. @throws XmtpError `client.inbox.taken` */
  async unsafe_addAccountSignatureRequest(
    newAccount: AccountName,
    allowInboxReassign = false,
  ): Promise<SignatureRequestHandle> {
    const identifier = readIdentifier(newAccount)
    const options = { allowReassign: allowInboxReassign }
    const request = this.#ask(await planAddition(this.#account, identifier, options))
    await request.addSignature(installationSigner(this.holder.self.signingKey))
    return request
  }

  /** To remove an account. The recovery identifier signs. */
  async unsafe_removeAccountSignatureRequest(
    account: AccountName,
  ): Promise<SignatureRequestHandle> {
    return this.#ask(await planRemoval(this.#account, readIdentifier(account)))
  }

  /** To revoke all installations but this one; null if it is the only one. The recovery identifier signs. */
  async unsafe_revokeAllOtherInstallationsSignatureRequest(): Promise<SignatureRequestHandle | null> {
    const plan = await planRevokeOthers(this.#account)
    return plan.actions.length === 0 ? null : this.#ask(plan)
  }

  /** To revoke installations. The recovery identifier signs. @param installationIds 32 bytes each */
  async unsafe_revokeInstallationsSignatureRequest(
    installationIds: readonly Uint8Array[],
  ): Promise<SignatureRequestHandle> {
    const { inboxId } = this.holder.self
    return this.#ask(await planRevokeInstallations(this.holder.parts, inboxId, installationIds))
  }

  /** To name another recovery identifier. The present one signs. */
  async unsafe_changeRecoveryIdentifierSignatureRequest(
    account: AccountName,
  ): Promise<SignatureRequestHandle> {
    return this.#ask(await planRecovery(this.#account, readIdentifier(account)))
  }

  /**
   * Has a signer sign a request; the client's own unless given.
   * @throws XmtpError `client.signer.missing`, `client.signer.*`
   */
  async unsafe_addSignature(
    request: SignatureRequestHandle,
    signer?: AnyInboxSigner,
  ): Promise<void> {
    const { identity } = this.holder.parts
    await request.addSignature(
      signer === undefined
        ? this.#requireSigner()
        : await toInboxSigner(signer, contractsOf(identity)),
    )
  }

  /** Publishes what was signed. @throws XmtpError `v3.identity.signature.missing`, `v3.identity.*` */
  async unsafe_applySignatureRequest(request: SignatureRequestHandle): Promise<void> {
    const { parts, self } = this.holder
    const { plan, update } = request.finish()
    const own = v3.installationIdentifier(self.installationId)
    const registers = plan.actions.some(
      (action) => action.kind === 'add' && v3.equalMembers(action.member, own),
    )
    if (!registers) {
      await publishChange(parts, plan, update)
      return
    }
    const { installation } = await findCandidate(parts, this.holder.identifier, {})
    if (!installation.registered) await publishRegistration(parts, installation, { plan, update })
    this.registered()
  }

  #ask(plan: AccountPlan): SignatureRequestHandle {
    if (plan.actions.length === 0)
      throw new XmtpError('client.inbox.unchanged', `${plan.inboxId} is so already.`)
    return new SignatureRequestHandle(this.holder.parts, plan)
  }

  get #account(): AccountParts {
    const { parts, self } = this.holder
    return { ...parts, self }
  }

  #requireSigner(): InboxSigner {
    const { signer } = this.holder
    if (signer === undefined)
      throw new XmtpError('client.signer.missing', 'The client was opened without a signer.')
    return signer
  }
}
