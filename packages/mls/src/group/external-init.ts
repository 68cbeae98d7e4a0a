import { ascii } from '../bytes.ts'

/** The exporter context by which an external joiner and the group find one init secret (RFC 9420 §8.3). */
export const externalInitLabel: Uint8Array = ascii('MLS 1.0 external init secret')
