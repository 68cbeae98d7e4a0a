/** The wire type of protobuf whose length stands before it. */
const lengthDelimited = 2

/**
 * A message inside a message, already encoded: stored bytes go into answers as they are.
 * @param number of the field, up to 15
 */
export function embedded(number: number, message: Uint8Array): Uint8Array {
  const length: number[] = []
  let rest = message.length
  while (rest > 0x7f) {
    length.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  length.push(rest)
  const bytes = new Uint8Array(1 + length.length + message.length)
  bytes[0] = (number << 3) | lengthDelimited
  bytes.set(length, 1)
  bytes.set(message, 1 + length.length)
  return bytes
}

/** Encoded fields one behind the other are a message. */
export function messageOf(fields: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(fields)
}
