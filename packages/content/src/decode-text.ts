// Every platform has it, but the compiler knows it only together with the whole DOM.
declare const TextDecoder: new () => { decode(bytes: Uint8Array): string }

/** Bytes that are not UTF-8 become U+FFFD. */
export function decodeText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}
