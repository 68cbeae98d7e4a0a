import { MlsError } from '../errors.ts'
import { limits } from '../limits.ts'

/** A cursor over bytes that are being decoded. */
export type Reader = { readonly bytes: Uint8Array; offset: number; end: number }

/** A growing buffer that is being encoded into. */
export type Writer = { bytes: Uint8Array; length: number }

/**
 * Both directions of one TLS presentation-language structure (RFC 8446 §3, RFC 9420 §2.1).
 *
 * The encoding is bijective: optional flags, vector lengths and enumerations each have one accepted
 * form, so `encode(decode(bytes))` is `bytes` and signatures can be checked on re-encoded structures.
 */
export type Codec<T> = {
  readonly write: (writer: Writer, value: T) => void
  readonly read: (reader: Reader) => T
}

/** Encodes one value. */
export function encode<T>(codec: Pick<Codec<T>, 'write'>, value: T): Uint8Array {
  const writer: Writer = { bytes: new Uint8Array(128), length: 0 }
  codec.write(writer, value)
  return writer.bytes.slice(0, writer.length)
}

/**
 * Decodes one value that must fill `bytes` exactly. Byte strings in the result are views into `bytes`.
 *
 * @throws MlsError `codec.*`
 */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const reader = readerOf(bytes)
  const value = codec.read(reader)
  expectEnd(reader)
  return value
}

/** A reader at the start of `bytes`. */
export function readerOf(bytes: Uint8Array): Reader {
  return { bytes, offset: 0, end: bytes.length }
}

/** @throws MlsError `codec.trailingBytes` */
export function expectEnd(reader: Reader): void {
  if (reader.offset !== reader.end)
    throw new MlsError('codec.trailingBytes', `${reader.end - reader.offset} bytes are left over.`)
}

function reserve(writer: Writer, count: number): number {
  const start = writer.length
  const needed = start + count
  if (needed > writer.bytes.length) {
    const grown = new Uint8Array(Math.max(needed, writer.bytes.length * 2))
    grown.set(writer.bytes.subarray(0, start))
    writer.bytes = grown
  }
  writer.length = needed
  return start
}

function take(reader: Reader, count: number): number {
  const start = reader.offset
  if (count > reader.end - start)
    throw new MlsError(
      'codec.truncated',
      `${count} bytes are needed, ${reader.end - start} are left.`,
    )
  reader.offset = start + count
  return start
}

function unsigned(size: 1 | 2 | 4): Codec<number> {
  return {
    write(writer, value) {
      let at = reserve(writer, size)
      for (let shift = (size - 1) * 8; shift >= 0; shift -= 8)
        writer.bytes[at++] = (value >>> shift) & 0xff
    },
    read(reader) {
      let at = take(reader, size)
      let value = 0
      for (let i = 0; i < size; i++) value = value * 256 + (reader.bytes[at++] ?? 0)
      return value
    },
  }
}

export const uint8: Codec<number> = unsigned(1)
export const uint16: Codec<number> = unsigned(2)
export const uint32: Codec<number> = unsigned(4)

export const uint64: Codec<bigint> = {
  write(writer, value) {
    uint32.write(writer, Number((value >> 32n) & 0xffffffffn))
    uint32.write(writer, Number(value & 0xffffffffn))
  },
  read(reader) {
    const high = uint32.read(reader)
    const low = uint32.read(reader)
    return (BigInt(high) << 32n) | BigInt(low)
  },
}

/** The length prefix of a variable-size vector, 1, 2 or 4 bytes (RFC 9420 §2.1.2). */
export const vectorLength: Codec<number> = {
  write(writer, length) {
    if (length < 0x40) uint8.write(writer, length)
    else if (length < 0x4000) uint16.write(writer, length | 0x4000)
    else if (length < 0x40000000) uint32.write(writer, (length | 0x80000000) >>> 0)
    else throw new RangeError(`A vector of ${length} bytes has no encoding in RFC 9420.`)
  },
  read(reader) {
    const first = reader.bytes[reader.offset]
    const size = first === undefined ? 1 : 1 << (first >>> 6)
    if (size === 8) throw new MlsError('codec.reservedLength', 'The length prefix starts with 11.')
    let at = take(reader, size)
    let value = (reader.bytes[at++] ?? 0) & 0x3f
    for (let i = 1; i < size; i++) value = value * 256 + (reader.bytes[at++] ?? 0)
    if ((size === 2 && value < 0x40) || (size === 4 && value < 0x4000))
      throw new MlsError('codec.nonMinimalLength', `${value} was written in ${size} bytes.`)
    return value
  },
}

/** Exactly `size` bytes without a length. */
export function fixedBytes(size: number): Codec<Uint8Array> {
  return {
    write(writer, value) {
      if (value.length !== size)
        throw new RangeError(`Expected ${size} bytes, not ${value.length}.`)
      const start = reserve(writer, size)
      writer.bytes.set(value, start)
    },
    read(reader) {
      const start = take(reader, size)
      return reader.bytes.subarray(start, start + size)
    },
  }
}

/** `opaque value<V>`. */
export const opaque: Codec<Uint8Array> = {
  write(writer, value) {
    vectorLength.write(writer, value.length)
    const start = reserve(writer, value.length)
    writer.bytes.set(value, start)
  },
  read(reader) {
    const length = vectorLength.read(reader)
    const start = take(reader, length)
    return reader.bytes.subarray(start, start + length)
  },
}

/** Everything to the end of the input: for data whose frame says how long it is. */
export const rest: Codec<Uint8Array> = {
  write: (writer, value) => {
    const start = reserve(writer, value.length)
    writer.bytes.set(value, start)
  },
  read(reader) {
    const start = take(reader, reader.end - reader.offset)
    return reader.bytes.subarray(start, reader.end)
  },
}

/** Writes a vector whose length is only known once its content is written. */
function writeSized(writer: Writer, content: () => void): void {
  const start = writer.length
  content()
  const length = writer.length - start
  const prefix = length < 0x40 ? 1 : length < 0x4000 ? 2 : 4
  reserve(writer, prefix)
  writer.bytes.copyWithin(start + prefix, start, start + length)
  writer.length = start
  vectorLength.write(writer, length)
  writer.length = start + prefix + length
}

function readSized<T>(reader: Reader, content: (inner: Reader) => T): T {
  const length = vectorLength.read(reader)
  const start = take(reader, length)
  return content({ bytes: reader.bytes, offset: start, end: start + length })
}

/** `T items<V>`: the length counts bytes, not items. */
export function vector<T>(item: Codec<T>): Codec<readonly T[]> {
  return {
    write(writer, values) {
      writeSized(writer, () => {
        for (const value of values) item.write(writer, value)
      })
    },
    read(reader) {
      return readSized(reader, (inner) => {
        const values: T[] = []
        while (inner.offset < inner.end) {
          if (values.length >= limits.vectorItems)
            throw new MlsError('codec.tooLarge', `More than ${limits.vectorItems} items.`)
          const before = inner.offset
          values.push(item.read(inner))
          // An item of no bytes would let a vector of one byte loop for ever.
          if (inner.offset === before)
            throw new MlsError('codec.truncated', 'A vector item has no bytes.')
        }
        return values
      })
    },
  }
}

/** `optional<T>` (RFC 9420 §2.1.1). */
export function optional<T>(value: Codec<T>): Codec<T | undefined> {
  return {
    write(writer, item) {
      uint8.write(writer, item === undefined ? 0 : 1)
      if (item !== undefined) value.write(writer, item)
    },
    read(reader) {
      const present = uint8.read(reader)
      if (present > 1) throw new MlsError('codec.badOptional', `Presence byte is ${present}.`)
      return present === 1 ? value.read(reader) : undefined
    },
  }
}

/** An integer of which only some values may appear. */
export function oneOf<const T extends number>(
  codec: Codec<number>,
  values: readonly T[],
  name: string,
): Codec<T> {
  return {
    write: codec.write,
    read(reader) {
      const raw = codec.read(reader)
      const known = values.find((value) => value === raw)
      if (known === undefined) throw new MlsError('codec.unknownValue', `${name} is ${raw}.`)
      return known
    },
  }
}

/** The fields one after another, in the order in which they are listed. */
export function struct<T extends object>(fields: {
  readonly [K in keyof T]: Codec<T[K]>
}): Codec<T> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- keys of a mapped type over T
  const names = Object.keys(fields) as (keyof T)[]
  return {
    write(writer, value) {
      for (const name of names) fields[name].write(writer, value[name])
    },
    read(reader) {
      const value: Partial<T> = {}
      for (const name of names) value[name] = fields[name].read(reader)
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the loop set every key of T
      return value as T
    },
  }
}

/** A `select` on a tag: `cases` gives for each kind its number and the codec of its fields. */
export function tagged<T extends { readonly kind: string }>(
  tag: Codec<number>,
  name: string,
  cases: {
    readonly [K in T['kind']]: readonly [
      value: number,
      fields: Codec<Omit<Extract<T, { kind: K }>, 'kind'>>,
    ]
  },
): Codec<T> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- keys and fields of one case belong together by the type of `cases`
  const table = cases as Readonly<Record<string, readonly [number, Codec<object>]>>
  const kinds = new Map(
    Object.entries(table).map(([kind, [value, fields]]) => [value, { kind, fields }]),
  )
  return {
    write(writer, value) {
      const entry = table[value.kind]
      if (entry === undefined) throw new TypeError(`${name} has no kind ${value.kind}.`)
      tag.write(writer, entry[0])
      entry[1].write(writer, value)
    },
    read(reader) {
      const raw = tag.read(reader)
      const entry = kinds.get(raw)
      if (entry === undefined) throw new MlsError('codec.unknownValue', `${name} is ${raw}.`)
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- kind and fields come from one case
      return { kind: entry.kind, ...entry.fields.read(reader) } as unknown as T
    },
  }
}

/** Nothing at all. */
export const nothing: Codec<object> = { write() {}, read: () => ({}) }
