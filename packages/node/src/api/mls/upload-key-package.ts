import type { KeyPackageUpload } from '@xmtp-ts/proto/mls/api/v1/mls'
import {
  RegisterInstallationRequest,
  RegisterInstallationResponse,
  UploadKeyPackageRequest,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import { checkKeyPackage } from '../../ingest/key-package.ts'
import { decodeRequest } from '../decode.ts'
import type { Call, UnaryMethod } from '../method.ts'
import { admit, refusal, type V3Services } from '../v3-services.ts'

const emptyResponse = new Uint8Array()

/** MlsApi.UploadKeyPackage (node-api §6.4): the newest package replaces the one before. */
export function uploadKeyPackageMethod(services: V3Services): UnaryMethod {
  return {
    path: '/xmtp.mls.api.v1.MlsApi/UploadKeyPackage',
    kind: 'unary',
    handle: async (request, call) => {
      admit(services, call, { kind: 'write', cost: 1 })
      const { keyPackage } = decodeRequest(UploadKeyPackageRequest, request)
      await storeKeyPackage(services, keyPackage, call)
      return emptyResponse
    },
  }
}

/** MlsApi.RegisterInstallation (node-api §6.4): the same under its old name, with the key in the answer. */
export function registerInstallationMethod(services: V3Services): UnaryMethod {
  return {
    path: '/xmtp.mls.api.v1.MlsApi/RegisterInstallation',
    kind: 'unary',
    handle: async (request, call) => {
      admit(services, call, { kind: 'write', cost: 1 })
      const { keyPackage } = decodeRequest(RegisterInstallationRequest, request)
      const installationKey = await storeKeyPackage(services, keyPackage, call)
      return RegisterInstallationResponse.encode({ installationKey }).finish()
    },
  }
}

async function storeKeyPackage(
  { store, nowMs, metrics }: V3Services,
  upload: KeyPackageUpload | undefined,
  { headers }: Call,
): Promise<Uint8Array> {
  const bytes = upload?.keyPackageTlsSerialized
  if (bytes === undefined || bytes.length === 0)
    throw refusal('node.v3.keyPackage.missing', 'no key package')
  const { installationKey, expiresMs } = await checkKeyPackage(bytes, nowMs())
  await store.keyPackages.put(installationKey, bytes, { nowMs: nowMs(), expiresMs })
  metrics.sent('keyPackage', [bytes.length], headers)
  return installationKey
}
