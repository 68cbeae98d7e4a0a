// `npm run real-clients`: installs the published clients over libxmtp into node_modules of this folder, and makes the
// native one load here. Its prebuilt binding asks for glibc 2.38. Where the system's is older and apt is there, the C
// library of Debian trixie is unpacked beside the system's, never installed, and the tests start Node through its loader.
//
// Whoever starts a native client reads `node_modules/.ready.json`: `{ "loader": [...] }` is what goes before the path of
// Node on the command line, often nothing.
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('.', import.meta.url))
const modules = join(folder, 'node_modules')
const ready = join(modules, '.ready.json')
const library = join(modules, '.c-library')
const suite = 'trixie'

const lock = createHash('sha256')
  .update(readFileSync(join(folder, 'package-lock.json')))
  .digest('hex')

if (existsSync(ready) && isReady(JSON.parse(readFileSync(ready, 'utf8')))) {
  console.log('The published libxmtp clients are installed already.')
} else {
  npmInstall()
  const loader = loads([]) ? [] : newerLibrary()
  const failure = whyNotLoading(loader)
  if (failure !== undefined) end(`libxmtp still does not load: ${failure}`)
  writeFileSync(ready, `${JSON.stringify({ lock, loader })}\n`)
  console.log('The published libxmtp clients are installed; `npm test` uses them from now on.')
}

function isReady(state) {
  return state.lock === lock && loads(state.loader)
}

function npmInstall() {
  const { status } = spawnSync('npm', ['ci'], {
    cwd: folder,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  if (status !== 0) end('npm could not install the published clients.')
  const { glibcVersionRuntime } = process.report.getReport().header
  const libc = process.platform === 'linux' ? (glibcVersionRuntime ? '-gnu' : '-musl') : ''
  const own = `${process.platform}-${process.arch}${libc}`
  // The package brings its binding for eight platforms.
  for (const sdk of ['', 'node-sdk-next/node_modules']) {
    const bindings = join(modules, sdk, '@xmtp/node-bindings/dist')
    for (const name of readdirSync(bindings))
      if (name.endsWith('.node') && !name.includes(own)) rmSync(join(bindings, name))
  }
}

function loads(loader) {
  return whyNotLoading(loader) === undefined
}

function whyNotLoading(loader) {
  const [command, ...rest] = [...loader, process.execPath]
  const trial = spawnSync(
    command,
    [...rest, '--input-type=module', '-e', `import '@xmtp/node-sdk'`],
    {
      cwd: folder,
      encoding: 'utf8',
    },
  )
  if (trial.status === 0) return undefined
  return /Error: (.*)/.exec(trial.stderr)?.[1] ?? trial.error?.message ?? trial.stderr.slice(-500)
}

/** Fetches what apt's own mirror has of a newer Debian; the command that starts Node with it. */
function newerLibrary() {
  if (spawnSync('apt-get', ['--version']).status !== 0)
    end('The native binding wants glibc 2.38 or newer, and there is no apt to fetch one with.')
  const lists = run('apt-get', ['indextargets', '--format', '$(REPO_URI)|$(CREATED_BY)'])
  const [mirror] = lists
    .split('\n')
    .filter((line) => line.endsWith('|Packages') && !line.includes('security'))
    .map((line) => line.split('|')[0])
  if (mirror === undefined) end('apt knows no Debian mirror to fetch a newer C library from.')

  rmSync(library, { recursive: true, force: true })
  const apt = join(library, 'apt')
  for (const path of ['lists/partial', 'cache/archives/partial', 'packages'])
    mkdirSync(join(apt, path), { recursive: true })
  const keys = '/usr/share/keyrings/debian-archive-keyring.gpg'
  writeFileSync(join(apt, 'sources'), `deb [signed-by=${keys}] ${mirror} ${suite} main\n`)
  const options = {
    'Dir::Etc::SourceList': join(apt, 'sources'),
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::State::Lists': join(apt, 'lists'),
    'Dir::Cache': join(apt, 'cache'),
    'Acquire::Languages': 'none',
    'APT::Sandbox::User': 'root',
  }
  const flags = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  const packages = join(apt, 'packages')
  run('apt-get', ['-qq', ...flags, 'update'])
  run('apt-get', ['-qq', ...flags, 'download', 'libc6', 'libgcc-s1', 'libstdc++6'], packages)
  for (const name of readdirSync(packages)) run('dpkg-deb', ['-x', join(packages, name), library])
  rmSync(apt, { recursive: true })

  const files = readdirSync(library, { recursive: true, encoding: 'utf8' })
  const newer = dirname(files.find((path) => path.endsWith('/libc.so.6')))
  const loader = files.find((path) => /\/ld-linux[^/]*\.so\.\d$/.test(path))
  const system = /libc\.so\.6 .*=> (.*)/.exec(run('ldconfig', ['-p']))[1]
  const search = [join(library, newer), dirname(system), `/${newer}`].join(':')
  return [join(library, loader), '--library-path', search]
}

function run(command, args, cwd = folder) {
  try {
    return execFileSync(command, args, { cwd, encoding: 'utf8', maxBuffer: 1 << 26 })
  } catch (error) {
    return end(`${command} failed: ${error.stderr || error.message}`)
  }
}

function end(why) {
  console.error(why)
  process.exit(1)
}
