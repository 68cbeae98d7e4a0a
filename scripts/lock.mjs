// `npm run lock`: brings package-lock.json up to date after a change of dependencies. A registry that lacks the builds of
// a tool for other platforms makes npm leave them out of the lock, and `npm ci` then refuses it everywhere: their
// names and versions stand in the tool's own manifest, so they are filled in from there, without a checksum.
import { readFileSync, writeFileSync } from 'node:fs'
import { root, run } from './install.mjs'

const operatingSystems = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32']
const processors = ['arm64', 'arm', 'x64', 'ia32', 'ppc64', 'riscv64', 's390x', 'loong64']

function platformOf(name) {
  const build = name.split('/').at(-1)
  const os = operatingSystems.find((candidate) => build.includes(candidate))
  const cpu = processors.find((candidate) => build.includes(candidate))
  if (os === undefined || cpu === undefined) return undefined
  const libc = build.includes('musl') ? 'musl' : os === 'linux' && build.includes('gnu') && 'glibc'
  return { cpu: [cpu], ...(libc && { libc: [libc] }), os: [os] }
}

run('npm', ['install', '--package-lock-only'])

const file = `${root}/package-lock.json`
const lock = JSON.parse(readFileSync(file, 'utf8'))
for (const { optionalDependencies = {}, dev } of Object.values({ ...lock.packages }))
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const isThere = Object.keys(lock.packages).some((path) => path.endsWith(`node_modules/${name}`))
    const platform = platformOf(name)
    if (isThere || platform === undefined || !/^\d/.test(version)) continue
    lock.packages[`node_modules/${name}`] = {
      version,
      ...(dev && { dev }),
      optional: true,
      ...platform,
    }
  }
const sorted = Object.entries(lock.packages).toSorted(([a], [b]) => a.localeCompare(b, 'en'))
lock.packages = Object.fromEntries(sorted)
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
