import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, it } from 'vitest'
import { fetchBinaries } from '../../src/packaging/fetch-binaries.ts'
import { linux } from '../../src/packaging/target.ts'
import type { Cleaner } from '../support/cleaner.ts'
import { skipFor } from '../support/skip-for.ts'

const { optionalDependencies } = JSON.parse(readFileSync('node_modules/sharp/package.json', 'utf8'))
const npmPing = promisify(execFile)('npm', ['view', 'sharp', 'version', '--prefer-offline', '--fetch-retries=0'])
const noRegistry = await npmPing.then(
  () => undefined,
  () => 'npm reaches no registry',
)

async function makeProject(test: Cleaner, files: Readonly<Record<string, string>> = {}): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'project-'))
  test.onTestFinished(() => rm(root, { recursive: true, maxRetries: 9 }))
  for (const [name, content] of Object.entries(files)) await writeFile(join(root, name), content)
  return root
}

/** Processor of a file in the Executable and Linkable Format: `e_machine`. */
const readMachine = (file: string) => readFileSync(file).readUInt16LE(18)
const aarch64 = 183

describe('fetchBinaries', () => {
  it('has npm fetch native code for another processor, and deletes it', skipFor(noRegistry), async test => {
    const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'))
    const root = await makeProject(test, { 'package-lock.json': JSON.stringify(lock) })
    const { packages, remove } = await fetchBinaries(root, optionalDependencies, linux('arm64'))
    assert.deepEqual(packages.map(({ path }) => path).sort(), [
      'node_modules/@img/sharp-libvips-linux-arm64',
      'node_modules/@img/sharp-linux-arm64',
    ])
    const { folder } = packages.find(({ name }) => name === '@img/sharp-linux-arm64') as { folder: string }
    const [library = ''] = (await readdir(join(folder, 'lib'))).filter(name => name.endsWith('.node'))
    assert.equal(readMachine(join(folder, 'lib', library)), aarch64)
    remove()
    await assert.rejects(readdir(folder), { code: 'ENOENT' })
  })

  it('refuses what is not the package of the lock file', skipFor(noRegistry), async test => {
    const name = '@img/sharp-linux-arm64'
    const version = optionalDependencies[name]
    const packages = { [`node_modules/${name}`]: { version, integrity: 'sha512-other' } }
    const root = await makeProject(test, { 'package-lock.json': JSON.stringify({ packages }) })
    await assert.rejects(fetchBinaries(root, { [name]: version }, linux('arm64')), {
      name: 'StartupError',
      message:
        /^node_modules\/@img\/sharp-linux-arm64 \S+ of the registry is not the one of package-lock\.json: sha512-/,
    })
  })

  it('has nothing where the registry is not reached, as npm leaves out what is optional', async test => {
    const root = await makeProject(test, { '.npmrc': 'registry=http://127.0.0.1:9/\nfetch-retries=0\ncache=.cache\n' })
    const { packages, remove } = await fetchBinaries(root, optionalDependencies, linux('arm64'))
    remove()
    assert.deepEqual(packages, [])
  })

  it('says why npm fails', async test => {
    const root = await makeProject(test)
    await assert.rejects(fetchBinaries(root, { sharp: 'no version' }, linux('x64')), {
      name: 'StartupError',
      message:
        /^native packages for linux-x64 cannot be fetched: .+; connect to the registry, or make the package on linux-x64$/,
    })
  })
})
