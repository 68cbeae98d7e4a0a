import { platform } from '#platform'

/** @returns 32 bytes */
export function sha256(data: Uint8Array): Uint8Array {
  return platform.sha256(data)
}
