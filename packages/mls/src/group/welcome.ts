import { empty } from '../bytes.ts'
import { encode } from '../codec/tls.ts'
import { encryptionInfo, encryptTo } from '../crypto/suite.ts'
import type { EncryptedGroupSecrets, Welcome } from '../message/welcome.ts'
import { groupInfoCodec, groupSecretsCodec } from '../message/welcome.ts'
import type { PreSharedKey } from '../schedule/key-schedule.ts'
import { welcomeKeys } from '../schedule/key-schedule.ts'
import { isBelow } from '../tree/math.ts'
import type { NewPath } from '../tree/path.ts'
import type { AddedMember } from './apply.ts'
import { createGroupInfo } from './group-info.ts'
import { keyPackageReference } from './key-package.ts'
import type { EpochStart } from './next-epoch.ts'
import type { SendOptions } from './send.ts'
import type { GroupState } from './state.ts'

/** What a welcome carries beside the secrets. */
export type WelcomeOptions = {
  /** Whether the welcome carries the tree (it does unless told otherwise) and the external key. */
  readonly welcomeTree?: boolean
  readonly welcomeExternalPub?: boolean
}

/** Encrypts the new epoch to those who were added (RFC 9420 §12.4.3.1). */
export async function makeWelcome(
  next: GroupState,
  added: readonly AddedMember[],
  path: NewPath | undefined,
  start: EpochStart,
  psks: readonly PreSharedKey[],
  options: WelcomeOptions & Pick<SendOptions, 'random'>,
): Promise<Welcome> {
  const { suite } = next
  const info = await createGroupInfo(
    { ...next, status: 'active' },
    {
      withRatchetTree: options.welcomeTree ?? true,
      withExternalPub: options.welcomeExternalPub ?? false,
    },
  )
  const { key, nonce } = welcomeKeys(suite, start.memberSecret)
  const sealedInfo = suite.hpke.aead.seal(key, nonce, empty, encode(groupInfoCodec, info))
  const secrets: EncryptedGroupSecrets[] = []
  const encryption = encryptionInfo(suite, 'Welcome', sealedInfo)
  for (const { leafIndex, keyPackage } of added) {
    if (keyPackage === undefined) continue
    const step = path?.steps.find(({ copath }) => isBelow(leafIndex, copath))
    const pathSecret = step && path?.pathSecrets.get(step.node)
    const groupSecrets = encode(groupSecretsCodec, {
      joinerSecret: start.joinerSecret,
      pathSecret: pathSecret && { pathSecret },
      psks: psks.map(({ id }) => id),
    })
    secrets.push({
      newMember: keyPackageReference(suite, keyPackage),
      encryptedGroupSecrets: await encryptTo(
        encryption,
        keyPackage.initKey,
        groupSecrets,
        options.random,
      ),
    })
  }
  return { cipherSuite: suite.id, secrets, encryptedGroupInfo: sealedInfo }
}
