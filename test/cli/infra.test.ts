import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, it, type TestContext } from 'vitest'
import { parse } from 'yaml'
import { listProjectFiles } from '../../src/packaging/project-files.ts'
import { Child } from '../host/host-child.ts'
import { parseBicep } from '../infra/bicep.ts'
import { policies } from '../infra/policies.ts'
import { runHook, startManager, variables } from '../support/resource-manager-double.ts'

const program = resolve('dist/scoring.mjs')

async function makeProject({ onTestFinished }: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'infra-'))
  onTestFinished(() => rmSync(folder, { recursive: true, maxRetries: 9 }))
  assert.equal(await new Child(program, ['init', 'churn'], {}, folder).ended(), 0)
  const root = join(folder, 'churn')
  const infra = async (...args: string[]) => {
    const child = new Child(program, ['infra', ...args], {}, root)
    return { code: await child.ended(), output: child.output }
  }
  const read = (path: string) => readFileSync(join(root, path), 'utf8')
  return { root, infra, read }
}

describe('scoring infra', () => {
  it('writes what azd needs, complete and outside of the package', async test => {
    const { root, infra, read } = await makeProject(test)
    const { code, output } = await infra()
    assert.equal(code, 0)
    assert.match(output, /^Wrote \d+ files: azure\.yaml, infra\/, .* Next:\n\n {2}azd auth login\n/)
    const written = ['azure.yaml', 'infra/main.parameters.json', '.github/workflows/deploy.yml']
    for (const path of written) assert(existsSync(join(root, path)), path)
    const { name, hooks, services } = parse(read('azure.yaml'))
    assert.equal(name, 'churn')
    assert.equal(services.scoring.hooks.prepackage.posix.run, 'npm ci && npm run package')
    assert('package' in JSON.parse(read('package.json')).scripts)
    for (const { posix, windows } of Object.values(hooks) as Record<'posix' | 'windows', { run: string }>[]) {
      assert.equal(posix.run, windows.run)
      const [, script = ''] = /node node_modules\/scoring-functions\/(\S+)$/.exec(posix.run) ?? []
      assert(existsSync(script), script)
    }
    assert.deepEqual(
      listProjectFiles(root).filter(path => /infra|azure/.test(path)),
      [],
    )
    assert.match(read('.gitignore'), /^\.azure\/$/m)
  })

  it('writes Bicep files that name nothing which is not there', async test => {
    const { root, infra, read } = await makeProject(test)
    const { written } = JSON.parse((await infra('--json')).output) as { written: string[] }
    const bicep = written.filter(path => path.endsWith('.bicep'))
    assert(bicep.includes('infra/modules/service-bus.bicep'))
    assert.deepEqual(policies.fitsTogether(bicep.map(path => parseBicep(read(path), join(root, path)))), [])
  })

  it('replaces nothing that was changed unless it is told to, and says when all is there', async test => {
    const { root, infra, read } = await makeProject(test)
    await infra()
    assert.match((await infra()).output, /^All \d+ files are there, as this version writes them\.\n$/)
    const file = join(root, 'infra/main.parameters.json')
    const before = read('infra/main.parameters.json')
    writeFileSync(file, before.replace('=40', '=5'))
    const refused = await infra()
    assert.equal(refused.code, 2)
    assert.match(refused.output, /^error: infra\/main\.parameters\.json would be replaced\. /)
    assert.match(read('infra/main.parameters.json'), /=5/)
    assert.equal((await infra('--overwrite')).code, 0)
    assert.equal(read('infra/main.parameters.json'), before)
    assert.equal(read('.funcignore').match(/^\/infra\/$/gm)?.length, 1)
  })

  it.skipIf(process.platform === 'win32')('brings a hook that makes the keys of the project', async test => {
    const { root } = await makeProject(test)
    const deployment = 'Microsoft.Resources/deployments/scoring-keys'
    const { calls, endpoint } = await startManager(test, {
      'GET Microsoft.KeyVault/vaults/kv-1/secrets': { value: [], nextLink: null },
      [`PUT ${deployment}`]: { name: 'scoring-keys', properties: { provisioningState: 'Succeeded' } },
    })
    const { code, stdout } = await runHook(test, resolve('dist/hooks/create-keys.mjs'), variables(endpoint), root)
    assert.equal(code, 0)
    assert.match(stdout, /^Made in kv-1, valid for 365 days: iris-primary-key, iris-secondary-key\n/)
    const { names } = calls.find(({ method }) => method === 'PUT')?.body.properties.parameters ?? {}
    assert.deepEqual(names.value, ['iris-primary-key', 'iris-secondary-key'])
  })
})
