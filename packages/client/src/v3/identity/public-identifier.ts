import { v3, XmtpError } from '@xmtp-ts/protocol'

/** Kinds of identifiers with the numbers of `@xmtp/node-sdk`. */
export const IdentifierKind = { Ethereum: 0, Passkey: 1 } as const
export type IdentifierKind = (typeof IdentifierKind)[keyof typeof IdentifierKind]

/** Who can own an inbox, as apps name them: an address, or the public key of a passkey in hex. */
export type Identifier = {
  readonly identifier: string
  readonly identifierKind: IdentifierKind
}

/** An account as apps name it: its address, or an identifier of any kind. */
export type AccountName = string | Identifier

/** @throws XmtpError `v3.identity.identifier.malformed` */
export function readIdentifier(account: AccountName): v3.Identifier {
  if (typeof account === 'string') return v3.parseIdentifier(account, 'ethereum')
  const { identifier, identifierKind } = account
  switch (identifierKind) {
    case IdentifierKind.Ethereum:
      return v3.parseIdentifier(identifier, 'ethereum')
    case IdentifierKind.Passkey:
      return v3.parseIdentifier(identifier, 'passkey')
    default:
      identifierKind satisfies never
      throw new XmtpError(
        'v3.identity.identifier.malformed',
        `${String(identifierKind)} is no kind of identifier.`,
      )
  }
}

export function writeIdentifier(identifier: v3.Identifier): Identifier {
  const { Ethereum, Passkey } = IdentifierKind
  return {
    identifier: v3.identifierText(identifier),
    identifierKind: identifier.kind === 'passkey' ? Passkey : Ethereum,
  }
}
