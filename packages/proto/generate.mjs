// Generates src/gen from proto/: codecs with ts-proto, and the descriptors that gRPC reflection serves.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'

const buf = (...args) =>
  execFileSync('npx', ['--no-install', 'buf', ...args], { cwd: import.meta.dirname })

buf('generate')
const lines = buf('build', '--exclude-source-info', '-o', '-#format=binpb')
  .toString('base64')
  .match(/.{1,96}/g)
writeFileSync(
  new URL('src/gen/descriptors.ts', import.meta.url),
  `/** An encoded google.protobuf.FileDescriptorSet of all schemas, in base64. */
export const fileDescriptorSetBase64 =
${lines.map((line) => `  '${line}'`).join(' +\n')}
`,
)
