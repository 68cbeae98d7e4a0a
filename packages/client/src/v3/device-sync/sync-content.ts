import { DeviceSyncContent } from '@xmtp-ts/proto/device_sync/content'
import { EncodedContent } from '@xmtp-ts/proto/message_contents/content'
import { XmtpError } from '@xmtp-ts/protocol'

/** What a message of a sync group says. */
export type SyncContent = NonNullable<DeviceSyncContent['content']>

/** @returns EncodedContent of `xmtp.org/application/x-protobuf:1.0` (v3-mls §6.6) */
export function encodeSyncContent(content: SyncContent): Uint8Array {
  return EncodedContent.encode({
    type: {
      authorityId: 'xmtp.org',
      typeId: 'application/x-protobuf',
      versionMajor: 1,
      versionMinor: 0,
    },
    parameters: {},
    fallback: undefined,
    compression: undefined,
    content: DeviceSyncContent.encode({ content }).finish(),
  }).finish()
}

/**
 * @param bytes an encoded EncodedContent; libxmtp does not look at its type
 * @throws XmtpError `client.deviceSync.malformed`
 */
export function decodeSyncContent(bytes: Uint8Array): SyncContent {
  try {
    const { content } = DeviceSyncContent.decode(EncodedContent.decode(bytes).content)
    if (content !== undefined) return content
  } catch (cause) {
    throw new XmtpError('client.deviceSync.malformed', 'A message does not decode.', { cause })
  }
  throw new XmtpError('client.deviceSync.malformed', 'A message says nothing that is known.')
}
