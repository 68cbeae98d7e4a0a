import type { Codec } from '../codec/tls.ts'
import { opaque, uint16, vector } from '../codec/tls.ts'

/** Who a leaf says it is (RFC 9420 §5.3). Types other than basic and X.509 are kept as one opaque value. */
export type Credential =
  | { readonly type: 1; readonly identity: Uint8Array }
  | { readonly type: 2; readonly certificates: readonly Uint8Array[] }
  | { readonly type: number; readonly data: Uint8Array }

/** Registered credential types (RFC 9420 §17.5). */
export const credentialTypes = { basic: 1, x509: 2 } as const

/** A basic credential with an application's own identity bytes. */
export function basicCredential(identity: Uint8Array): Credential {
  return { type: credentialTypes.basic, identity }
}

/** The identity of a basic credential, or undefined for any other type. */
export function basicIdentity(credential: Credential): Uint8Array | undefined {
  return 'identity' in credential ? credential.identity : undefined
}

const certificates = vector(opaque)

export const credentialCodec: Codec<Credential> = {
  write(writer, credential) {
    uint16.write(writer, credential.type)
    if ('identity' in credential) opaque.write(writer, credential.identity)
    else if ('certificates' in credential) certificates.write(writer, credential.certificates)
    else opaque.write(writer, credential.data)
  },
  read(reader) {
    const type = uint16.read(reader)
    if (type === credentialTypes.basic) return { type, identity: opaque.read(reader) }
    if (type === credentialTypes.x509) return { type, certificates: certificates.read(reader) }
    return { type, data: opaque.read(reader) }
  },
}
