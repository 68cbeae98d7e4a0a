import {
  SubscribeGroupMessagesRequest,
  SubscribeWelcomeMessagesRequest,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import { describe, expect, it } from 'vitest'
import { closeAfterEach, take } from './support.ts'
import {
  mls,
  group,
  installation,
  none,
  mlsMessage,
  groupMessages,
  welcomes,
  upload,
  newKeyPackage,
  openV3,
} from './v3-support.ts'

closeAfterEach()

describe('metrics', () => {
  it('count what V3 stores, under the names of the reference', async () => {
    const { node, client } = await openV3()
    await client.unary(`${mls}/SendGroupMessages`, groupMessages(mlsMessage('a'), mlsMessage('b')))
    await client.unary(`${mls}/SendWelcomeMessages`, welcomes({}))
    await client.unary(`${mls}/UploadKeyPackage`, upload((await newKeyPackage()).bytes))
    await expect(client.unary(`${mls}/SendGroupMessages`, none)).rejects.toMatchObject({ code: 3 })
    const { opened } = client.stream(
      `${mls}/SubscribeWelcomeMessages`,
      SubscribeWelcomeMessagesRequest.encode({
        filters: [{ installationKey: installation, idCursor: 0n }],
      }).finish(),
    )
    await opened
    const text = await (await fetch(`${node.url}/metrics`)).text()
    const valueOf = (name: string) =>
      Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (.*)$`, 'm').exec(text)?.[1])
    expect(valueOf('mls_sent_group_messages')).toBe(2)
    expect(valueOf('mls_sent_group_message_size_sum')).toBe(
      mlsMessage('a').length + mlsMessage('b').length,
    )
    expect(valueOf('mls_sent_welcome_messages')).toBe(1)
    expect(valueOf('mls_sent_key_packages')).toBe(1)
    expect(valueOf('mls_sent_key_package_size_count')).toBe(1)
    expect(valueOf('xmtp_subscribed_topics')).toBe(1)
    expect(text).toMatch(
      /xmtp_api_requests\{[^}]*method="SendGroupMessages",error_code="InvalidArgument"/,
    )
  })

  it('count calls and their messages, under the names of gRPC', async () => {
    const { node, client } = await openV3()
    await client.unary(`${mls}/SendGroupMessages`, groupMessages(mlsMessage('a'), mlsMessage('b')))
    await expect(client.unary(`${mls}/SendGroupMessages`, none)).rejects.toMatchObject({ code: 3 })
    const filters = [{ groupId: group, idCursor: 0n }]
    const { call } = client.stream(
      `${mls}/SubscribeGroupMessages`,
      SubscribeGroupMessagesRequest.encode({ filters }).finish(),
    )
    await take(call, 2)
    const both = client.bidi(`${mls}/Subscribe`)
    await take(both.call, 1)
    const text = await (await fetch(`${node.url}/metrics`)).text()
    const valueOf = (name: string, type: string, method: string, code = '') =>
      Number(
        text
          .split(`grpc_server_${name}{grpc_type="${type}",grpc_service="xmtp.mls.api.v1.MlsApi",`)
          .map((line) => new RegExp(`^grpc_method="${method}"${code}} (.*)$`, 'm').exec(line)?.[1])
          .find((value) => value !== undefined),
      )
    const send = ['unary', 'SendGroupMessages'] as const
    expect(valueOf('started_total', ...send)).toBe(2)
    expect(valueOf('msg_received_total', ...send)).toBe(2)
    expect(valueOf('msg_sent_total', ...send)).toBe(1)
    expect(valueOf('handled_total', ...send, ',grpc_code="OK"')).toBe(1)
    expect(valueOf('handled_total', ...send, ',grpc_code="InvalidArgument"')).toBe(1)
    expect(valueOf('handling_seconds_count', ...send)).toBe(2)
    const follow = ['server_stream', 'SubscribeGroupMessages'] as const
    expect(valueOf('started_total', ...follow)).toBe(1)
    expect(valueOf('msg_sent_total', ...follow)).toBe(2)
    // It has not ended.
    expect(valueOf('handled_total', ...follow, ',grpc_code="OK"')).toBe(0)
    expect(valueOf('started_total', 'bidi_stream', 'Subscribe')).toBe(1)
    expect(valueOf('msg_sent_total', 'bidi_stream', 'Subscribe')).toBe(1)
  })
})
