import type { Server } from '@grpc/grpc-js'
import { fileDescriptorSetBase64 } from '@xmtp-ts/proto/descriptors'

/**
 * Adds gRPC server reflection, v1 and v1alpha, so that grpcurl and its like work without schema files. Loaded after
 * the node listens: a tenth of a second that no client should wait for.
 */
export async function addReflection(server: Server): Promise<void> {
  const { ReflectionService } = await import('@grpc/reflection')
  const fileDescriptorProtos = splitFiles(Buffer.from(fileDescriptorSetBase64, 'base64'))
  // Of a package definition the library reads the encoded files only, whatever they are said to define.
  const format = 'Protocol Buffer 3 EnumDescriptorProto' as const
  const definition = { files: { format, type: {}, fileDescriptorProtos } }
  new ReflectionService(definition).addToServer(server)
}

/** The files in a FileDescriptorSet: its field 1, repeated. */
function splitFiles(set: Buffer): Buffer[] {
  const files: Buffer[] = []
  let at = 0
  while (at < set.length) {
    // The tag of field 1, then a varint of the length.
    at += 1
    let length = 0
    for (let shift = 0; ; shift += 7) {
      const byte = set[at] ?? 0
      at += 1
      length |= (byte & 0x7f) << shift
      if (byte < 0x80) break
    }
    files.push(set.subarray(at, at + length))
    at += length
  }
  return files
}
