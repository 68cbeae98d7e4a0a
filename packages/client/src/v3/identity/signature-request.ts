import { v3, XmtpError } from '@xmtp-ts/protocol'
import {
  contractsOf,
  toInboxSigner,
  walletSignature,
  type PasskeyAssertion,
  type UpdateSigner,
} from '../signer.ts'
import type { Identifier } from './public-identifier.ts'
import {
  checkRoom,
  draftPlan,
  finishPlan,
  type InboxParts,
  type InboxPlan,
} from './publish-update.ts'

/** A WebAuthn assertion over the text, and the key that made it. */
export type PasskeySignature = PasskeyAssertion & {
  /** SEC1 P-256 point, 33 or 65 bytes */
  readonly publicKey: Uint8Array
}

/**
 * A change of an inbox that waits for signatures made elsewhere: on another machine, or by somebody else. Every signature is
 * verified when it is added.
 */
export class SignatureRequestHandle {
  readonly #plan: InboxPlan
  readonly #draft: v3.IdentityDraft
  readonly #contracts: v3.ContractVerifier
  readonly #signatures: v3.IdentitySignature[] = []

  /** @throws XmtpError `v3.identity.member.tooMany`, `v3.identity.log.full` */
  constructor(parts: InboxParts, plan: InboxPlan) {
    checkRoom(plan, parts.onWarning)
    this.#plan = plan
    this.#draft = draftPlan(plan, parts.environment.nowMs())
    this.#contracts = contractsOf(parts.identity)
  }

  /** What every signer signs. */
  async signatureText(): Promise<string> {
    return this.#draft.text
  }

  /**
   * Of an externally owned account.
   * @param signature r ‖ s ‖ v, 65 bytes
   * @throws XmtpError `client.signer.wrongAccount` when nobody who has to sign made it, `signature.malformed`
   */
  async addEcdsaSignature(signature: Uint8Array): Promise<void> {
    this.#add(walletSignature(signature))
  }

  /** @throws XmtpError `client.signer.wrongAccount`, `v3.identity.signature.*` */
  async addPasskeySignature(signature: PasskeySignature): Promise<void> {
    const { signature: bytes, ...rest } = signature
    this.#add({ kind: 'passkey', bytes, ...rest })
  }

  /**
   * Of a contract wallet: its chain is asked.
   * @param blockNumber at which the contract answers; if left out, the latest
   * @throws XmtpError `client.signer.wrongAccount`, `client.signer.contractRefused`, or what asking a chain throws
   */
  async addScwSignature(
    accountIdentifier: Identifier,
    signature: Uint8Array,
    chainId: bigint,
    blockNumber?: bigint,
  ): Promise<void> {
    const wallet = {
      type: 'SCW',
      getIdentifier: () => accountIdentifier,
      signMessage: () => signature,
      getChainId: () => chainId,
      getBlockNumber: () => blockNumber,
    } as const
    await this.addSignature(await toInboxSigner(wallet, this.#contracts))
  }

  /** Whoever can be asked here. */
  async addSignature(signer: UpdateSigner): Promise<void> {
    this.#add(await signer.sign(this.#draft.text))
  }

  /**
   * The change, for the client that asked for it.
   * @throws XmtpError `v3.identity.signature.missing`, and what is not allowed by now
   */
  finish(): { readonly plan: InboxPlan; readonly update: v3.IdentityUpdate } {
    return { plan: this.#plan, update: finishPlan(this.#plan, this.#draft, this.#signatures) }
  }

  #add(signature: v3.IdentitySignature): void {
    const made = v3.signerOf(this.#draft.text, signature)
    if (!this.#draft.signers.some((signer) => v3.equalMembers(signer, made)))
      throw new XmtpError(
        'client.signer.wrongAccount',
        `${v3.identifierText(made)} signed, who is not asked to.`,
      )
    this.#signatures.push(signature)
  }
}
