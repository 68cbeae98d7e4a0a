import { jsonMapping } from './json-mapping.ts'
import type { JsonMapping } from './message-api-json.ts'

const mls = 'xmtp.mls.api.v1'
const identity = 'xmtp.identity.api.v1'

/** Methods with a path of JSON (node-api §6.1, §7), and the message that they answer with when it has another name. */
const mlsMethods = [
  ['send-group-messages', 'SendGroupMessages', 'google.protobuf.Empty'],
  ['send-welcome-messages', 'SendWelcomeMessages', 'google.protobuf.Empty'],
  ['register-installation', 'RegisterInstallation'],
  ['upload-key-package', 'UploadKeyPackage', 'google.protobuf.Empty'],
  ['fetch-key-packages', 'FetchKeyPackages'],
  ['query-group-messages', 'QueryGroupMessages'],
  ['query-welcome-messages', 'QueryWelcomeMessages'],
  ['subscribe-group-messages', 'SubscribeGroupMessages', `${mls}.GroupMessage`],
  ['subscribe-welcome-messages', 'SubscribeWelcomeMessages', `${mls}.WelcomeMessage`],
  ['subscribe', 'Subscribe'],
  ['batch-publish-commit-log', 'BatchPublishCommitLog', 'google.protobuf.Empty'],
  ['batch-query-commit-log', 'BatchQueryCommitLog'],
  ['get-newest-group-message', 'GetNewestGroupMessage'],
] as const

const identityMethods = [
  ['publish-identity-update', 'PublishIdentityUpdate'],
  ['get-identity-updates', 'GetIdentityUpdates'],
  ['get-inbox-ids', 'GetInboxIds'],
  ['verify-smart-contract-wallet-signatures', 'VerifySmartContractWalletSignatures'],
] as const

export type V3Route = JsonMapping & {
  readonly path: string
  /** The path of the method, `/package.Service/Method`. */
  readonly method: string
  /** Those that only read take their request from the query of the URL. */
  readonly verb: 'GET' | 'POST'
}

/** The HTTP paths of V3. */
export const v3Routes: readonly V3Route[] = [
  ...mlsMethods.map(([path, name, response = `${mls}.${name}Response`]) => ({
    ...jsonMapping({ request: `${mls}.${name}Request`, response }),
    path: `/mls/v1/${path}`,
    method: `/${mls}.MlsApi/${name}`,
    verb: name === 'GetNewestGroupMessage' ? ('GET' as const) : ('POST' as const),
  })),
  ...identityMethods.map(([path, name]) => ({
    ...jsonMapping({
      request: `${identity}.${name}Request`,
      response: `${identity}.${name}Response`,
    }),
    path: `/identity/v1/${path}`,
    method: `/${identity}.IdentityApi/${name}`,
    verb: 'POST' as const,
  })),
]

/**
 * The request of a GET, whose fields are parameters: `groupIds=…&groupIds=…&includeContent=true`, in either spelling.
 * A list even when it is named once.
 */
export function newestRequest(url: string): Readonly<Record<string, unknown>> {
  const { searchParams } = new URL(url, 'http://localhost')
  // A plus of base64 that was not escaped has become a space.
  const groupIds = [...searchParams.getAll('groupIds'), ...searchParams.getAll('group_ids')].map(
    (id) => id.replaceAll(' ', '+'),
  )
  const includeContent = searchParams.get('includeContent') ?? searchParams.get('include_content')
  return { groupIds, includeContent: includeContent === 'true' }
}
