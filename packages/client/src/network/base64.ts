/** Standard base64 with padding. For tokens and cursors: short input. */
export function base64(bytes: Uint8Array): string {
  return btoa(String.fromCodePoint(...bytes))
}

/** @returns undefined for text that is not base64 */
export function fromBase64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.codePointAt(0) ?? 0)
  } catch {
    return undefined
  }
}
