import { createHash } from 'node:crypto'
import {
  WelcomeMessage,
  type WelcomeMessageInput,
  type WelcomeMessageInput_V1,
  type WelcomeMessageInput_WelcomePointer,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import { WelcomeWrapperAlgorithm } from '@xmtp-ts/proto/mls/message_contents/wrapper_encryption'
import { v3, XmtpError } from '@xmtp-ts/protocol'
import { maxV3AttributeBytes, maxV3MessageBytes } from '../limits.ts'
import type { V3Item } from '../log/v3-store.ts'

/**
 * Checks that a welcome says whom it is for and how it is wrapped (node-api §6.4). Its bytes are never parsed: they
 * are encrypted for the installation, which need not exist.
 * @throws XmtpError `node.v3.welcome.malformed`, `v3.topic.malformed`
 */
export function checkWelcome({ version }: WelcomeMessageInput): V3Item {
  switch (version?.$case) {
    case 'v1':
      return checkV1(version.value)
    case 'welcomePointer':
      return checkPointer(version.value)
    case undefined:
      throw malformed('invalid welcome message: missing version')
    default:
      return version satisfies never
  }
}

function checkV1(input: WelcomeMessageInput_V1): V3Item {
  const { installationKey, data, hpkePublicKey, welcomeMetadata } = input
  const wrapperAlgorithm = knownAlgorithm(input.wrapperAlgorithm)
  const needsKey =
    wrapperAlgorithm !== WelcomeWrapperAlgorithm.WELCOME_WRAPPER_ALGORITHM_SYMMETRIC_KEY
  if (data.length === 0 || installationKey.length === 0 || (needsKey && hpkePublicKey.length === 0))
    throw malformed('invalid welcome message')
  return {
    ...placed(installationKey, data, [hpkePublicKey, welcomeMetadata]),
    encode: ({ sequence, createdNs }) => {
      const value = {
        id: BigInt(sequence),
        createdNs,
        installationKey,
        data,
        hpkePublicKey,
        wrapperAlgorithm,
        welcomeMetadata,
      }
      return WelcomeMessage.encode({ version: { $case: 'v1', value } }).finish()
    },
  }
}

/** The algorithm goes through as it came: libxmtp 1.10 sends one that the schema does not have (node-api §14.5). */
function checkPointer(input: WelcomeMessageInput_WelcomePointer): V3Item {
  const { installationKey, welcomePointer, hpkePublicKey, wrapperAlgorithm } = input
  if (installationKey.length === 0 || welcomePointer.length === 0 || hpkePublicKey.length === 0)
    throw malformed('invalid welcome pointer message')
  return {
    ...placed(installationKey, welcomePointer, [hpkePublicKey]),
    encode: ({ sequence, createdNs }) => {
      const value = {
        id: BigInt(sequence),
        createdNs,
        installationKey,
        welcomePointer,
        hpkePublicKey,
        wrapperAlgorithm,
      }
      return WelcomeMessage.encode({ version: { $case: 'welcomePointer', value } }).finish()
    },
  }
}

/** What is unspecified or unknown has always been read as the first algorithm. */
function knownAlgorithm(algorithm: WelcomeWrapperAlgorithm): WelcomeWrapperAlgorithm {
  return algorithm === WelcomeWrapperAlgorithm.WELCOME_WRAPPER_ALGORITHM_XWING_MLKEM_768_DRAFT_6 ||
    algorithm === WelcomeWrapperAlgorithm.WELCOME_WRAPPER_ALGORITHM_SYMMETRIC_KEY
    ? algorithm
    : WelcomeWrapperAlgorithm.WELCOME_WRAPPER_ALGORITHM_CURVE25519
}

function placed(
  installationKey: Uint8Array,
  data: Uint8Array,
  attributes: readonly Uint8Array[],
): Omit<V3Item, 'encode'> {
  const attributeBytes = attributes.reduce((sum, { length }) => sum + length, 0)
  if (data.length > maxV3MessageBytes || attributeBytes > maxV3AttributeBytes)
    throw malformed('welcome message too big')
  return {
    topic: v3.mlsTopic({ kind: 'welcome', id: installationKey }),
    digest: createHash('sha256').update(installationKey).update(data).digest(),
    expires: true,
  }
}

function malformed(text: string): XmtpError {
  return new XmtpError('node.v3.welcome.malformed', `${text}.`, { details: { text } })
}
