/** The first entries of together at most `maxBytes` of payload, and always the very first. */
export function takeBytes<T extends { readonly payload: Uint8Array }>(
  entries: readonly T[],
  maxBytes: number,
): readonly T[] {
  let bytes = 0
  const end = entries.findIndex(({ payload }, index) => {
    bytes += payload.length
    return index > 0 && bytes > maxBytes
  })
  return end < 0 ? entries : entries.slice(0, end)
}
