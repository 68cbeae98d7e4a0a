import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { hex } from '../test/vectors.ts'
import { ascii, concat, empty, equal, toHex } from './bytes.ts'
import { decode, encode, opaque, struct } from './codec/tls.ts'
import { suiteOf } from './crypto/suites.ts'

import { MlsError } from './errors.ts'
import { defaultConfig } from './group/default-config.ts'
import { joinGroup } from './group/join.ts'
import type { OwnKeyPackage } from './group/key-package.ts'
import { checkKeyPackage } from './group/key-package.ts'
import { processMessage } from './group/process.ts'
import { adoptCommit } from './group/staged-commit.ts'
import type { GroupState } from './group/state.ts'
import { openNext, setupReceiver } from './hpke/hpke.ts'
import { xWing, xWingLibxmtpId } from './hpke/x-wing.ts'
import { decodeMessage } from './message/wire.ts'
import { keyPackageCodec } from './tree/key-package.ts'
import { checkTree } from './tree/validate.ts'

const suite = suiteOf(3)
const names = ['dm', 'group', 'curve25519', 'devicesync', 'commitlog']

function capture(name: string): any {
  const file = new URL(`../test/vectors/xmtp-${name}.json`, import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8'))
}

const wrapped = struct<{ kemOutput: Uint8Array; ciphertext: Uint8Array }>({
  kemOutput: opaque,
  ciphertext: opaque,
})

const info = concat(encode(opaque, ascii('MLS 1.0 MLS_WELCOME')), encode(opaque, empty))
const hpkeX25519 = suite.hpke
const hpkeXWing = { ...suite.hpke, kem: xWing(suite.hpke.kdf, xWingLibxmtpId) }

/** A protobuf message of length-delimited fields and varints, as far as these captures need it. */
function fields(bytes: Uint8Array): Map<number, Uint8Array | bigint> {
  const found = new Map<number, Uint8Array | bigint>()
  let at = 0
  const varint = () => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  while (at < bytes.length) {
    const key = Number(varint())
    if ((key & 7) === 0) found.set(key >> 3, varint())
    else {
      const length = Number(varint())
      found.set(key >> 3, bytes.subarray(at, (at += length)))
    }
  }
  return found
}

type Unwrapped = { welcome: Uint8Array; cursor: number }

async function unwrap(client: any, welcome: any, data: string): Promise<Uint8Array[] | undefined> {
  for (const keys of client.keyPackages) {
    const xwing = welcome.hpkePublicKey === keys.postQuantumPublicKey
    const hpke = xwing ? hpkeXWing : hpkeX25519
    const privateKey = hex(xwing ? keys.postQuantumPrivateKey : keys.initPrivateKey)
    const publicKey = hex(welcome.hpkePublicKey)
    if (!equal(await hpke.kem.publicKey(privateKey), publicKey)) continue
    const { kemOutput, ciphertext } = decode(wrapped, hex(data))
    const context = await setupReceiver(hpke, kemOutput, { privateKey, publicKey }, info)
    const parts = [openNext(context, empty, ciphertext)]
    if (welcome.welcomeMetadata) parts.push(openNext(context, empty, hex(welcome.welcomeMetadata)))
    return parts
  }
  return undefined
}

async function welcomesOf(doc: any, client: any): Promise<Unwrapped[]> {
  const found: Unwrapped[] = []
  const add = (welcome: Uint8Array, metadata: Uint8Array) =>
    found.push({ welcome, cursor: Number(fields(metadata).get(1) ?? 0n) })
  for (const welcome of doc.welcomes) {
    if (welcome.topicKey !== client.installationId) continue
    const parts = await unwrap(client, welcome, welcome.data)
    if (parts) add(parts[0]!, parts[1] ?? empty)
  }
  for (const pointer of doc.pointers) {
    if (pointer.topicKey !== client.installationId) continue
    const parts = await unwrap(client, pointer, pointer.data)
    if (!parts) continue
    const inner = fields(fields(parts[0]!).get(1) as Uint8Array)
    const bytes = (field: number) => inner.get(field) as Uint8Array
    const target = doc.welcomes.find((w: any) => w.topicKey === toHex(bytes(1)))
    const { aead } = suite.hpke
    add(
      aead.open(bytes(3), bytes(4), empty, hex(target.data))!,
      aead.open(bytes(3), bytes(5), empty, hex(target.welcomeMetadata))!,
    )
  }
  return found
}

async function keyPackagesOf(doc: any, client: any): Promise<OwnKeyPackage[]> {
  const found: OwnKeyPackage[] = []
  for (const keys of client.keyPackages) {
    const initPrivateKey = hex(keys.initPrivateKey)
    const initKey = await suite.hpke.kem.publicKey(initPrivateKey)
    for (const published of doc.keyPackages) {
      const keyPackage = decode(keyPackageCodec, hex(published.bytes))
      if (!equal(keyPackage.initKey, initKey)) continue
      const leafPrivateKey = hex(keys.leafEncryptionPrivateKey)
      found.push({ keyPackage, initPrivateKey, leafPrivateKey })
    }
  }
  return found
}

type Replay = { commits: number; messages: number; stopped: boolean }

/** Follows one welcome to the end of its group, or to the client's own first commit. */
async function replay(doc: any, client: any, { welcome, cursor }: Unwrapped): Promise<Replay> {
  const joined = await joinGroup(welcome, {
    keyPackages: await keyPackagesOf(doc, client),
    signaturePrivateKey: hex(client.signaturePrivateKey),
    config: { ...defaultConfig, acceptPublicHandshake: false },
  })
  let state: GroupState = joined.state
  const groupId = toHex(state.context.groupId)
  const log = client.commitLog.filter((row: any) => row.groupId === groupId)
  const epoch = (row: any) => BigInt(row.epochAfter)
  const start = log.find((r: any) => r.kind === 'Welcome' && epoch(r) === state.context.epoch)
  if (log.length > 0)
    expect(toHex(state.secrets.epochAuthenticator)).toBe(start.epochAuthenticatorAfter)
  const done: Replay = { commits: 0, messages: 0, stopped: false }
  for (const message of doc.messages) {
    if (message.groupId !== groupId || Number(message.id) <= cursor) continue
    try {
      const received = await processMessage(state, hex(message.data))
      state = received.state
      if (received.kind === 'application') {
        const stored = client.storedMessages.find(
          (m: any) => Number(m.envelopeId) === Number(message.id),
        )
        if (stored !== undefined) {
          const envelope = fields(fields(received.data).get(1) as Uint8Array)
          expect(toHex(envelope.get(1) as Uint8Array)).toBe(stored.encodedContent)
          done.messages++
        }
      } else if (received.kind === 'commit') {
        const row = log.find((r: any) => Number(r.envelopeId) === Number(message.id))
        if (log.length > 0 && row?.result !== 'applied') continue
        state = adoptCommit(state, received.staged)
        if (state.status === 'removed') return done
        checkTree(suite, state.tree)
        if (row) expect(toHex(state.secrets.epochAuthenticator)).toBe(row.epochAuthenticatorAfter)
        done.commits++
      }
    } catch (error) {
      if (!(error instanceof MlsError) || error.code !== 'message.fromSelf') {
        if (error instanceof MlsError && error.code === 'message.epochTooOld') continue
        throw error
      }
      if (message.contentType === 3) return { ...done, stopped: true }
    }
  }
  return done
}

for (const name of names) {
  const doc = capture(name)
  describe(`libxmtp capture ${name}`, () => {
    it('reads, writes and verifies every key package', async () => {
      for (const { bytes } of doc.keyPackages) {
        const keyPackage = decode(keyPackageCodec, hex(bytes))
        expect(toHex(encode(keyPackageCodec, keyPackage))).toBe(bytes)
        await checkKeyPackage(suite, keyPackage, undefined)
      }
      for (const { data } of doc.messages)
        expect(toHex(encode(defaultConfig.wire.message, decodeMessage(hex(data))))).toBe(data)
    })
    for (const client of doc.installations) {
      it(`${client.name} joins and follows`, async () => {
        const welcomes = await welcomesOf(doc, client)
        const runs: Replay[] = []
        for (const welcome of welcomes) runs.push(await replay(doc, client, welcome))
        if (!['zed', 'bo-listener'].includes(client.name)) return
        const applied = client.commitLog.filter(
          (row: any) => row.result === 'applied' && Number(row.envelopeId) > 0,
        )
        const readable = client.storedMessages.filter((stored: any) =>
          doc.messages.some((message: any) => Number(message.id) === Number(stored.envelopeId)),
        )
        expect(runs).toEqual([
          { commits: applied.length, messages: readable.length, stopped: false },
        ])
        expect(applied.length).toBeGreaterThan(5)
        expect(readable.length).toBeGreaterThan(5)
      })
    }
  })
}
