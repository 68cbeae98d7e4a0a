import { FetchKeyPackagesRequest, FetchKeyPackagesResponse } from '@xmtp-ts/proto/mls/api/v1/mls'
import { maxV3Keys } from '../../limits.ts'
import { decodeRequest } from '../decode.ts'
import type { UnaryMethod } from '../method.ts'
import { admit, checkCount, readEach, type V3Services } from '../v3-services.ts'

const noBytes = new Uint8Array()

/** MlsApi.FetchKeyPackages (node-api §6.4): an answer for every key, also for one asked twice (B11). */
export function fetchKeyPackagesMethod(services: V3Services): UnaryMethod {
  return {
    path: '/xmtp.mls.api.v1.MlsApi/FetchKeyPackages',
    kind: 'unary',
    handle: async (request, call) => {
      admit(services, call)
      const { installationKeys } = decodeRequest(FetchKeyPackagesRequest, request)
      checkCount(installationKeys.length, { max: maxV3Keys, what: 'keys in single call' })
      const found = await readEach(
        installationKeys,
        (keys) => services.store.keyPackages.get(keys),
        (bytes) => bytes?.length ?? 0,
      )
      const keyPackages = found.map((bytes) => ({ keyPackageTlsSerialized: bytes ?? noBytes }))
      return FetchKeyPackagesResponse.encode({ keyPackages }).finish()
    },
  }
}
