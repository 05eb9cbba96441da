import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, it, type TestContext, vi } from 'vitest'
import { openProject } from '../../src/cli/project.ts'
import { type KeyOptions, printKeys } from '../../src/cli/show-keys.ts'
import { Child } from '../host/host-child.ts'
import { makeServices } from '../support/service-folder.ts'

const cli = fileURLToPath(new URL('../../dist/scoring.mjs', import.meta.url))

/** A project with a service of each kind; the folder of services is the project as well. */
async function makeProject(test: TestContext): Promise<string> {
  const token = { auth: { mode: 'token', tenantId: '72f988bf-86f1-41af-91ab-2d7cd011db47', audience: 'api://churn' } }
  const files = {
    'host.json': { version: '2.0' },
    'churn/service.json': {},
    'open/service.json': { auth: { mode: 'none' } },
    'tokens/service.json': token,
    'My Model/service.json': {},
  }
  return makeServices(files, test)
}

async function show(root: string, service?: string, options: KeyOptions = {}, environment: NodeJS.ProcessEnv = {}) {
  const lines: string[] = []
  const log = vi.spyOn(console, 'log').mockImplementation(line => void lines.push(String(line)))
  try {
    const project = openProject({ app: root, models: root })
    await printKeys({ ...project, environment }, service, options)
  } finally {
    log.mockRestore()
  }
  return lines.join('\n')
}

const vault = { KEY_VAULT_URL: 'https://my-vault.vault.azure.net' }

describe('scoring keys show', () => {
  it('makes and shows both keys of each service that has some', async test => {
    const root = await makeProject(test)
    const shown = await show(root)
    const { churn, ...others } = JSON.parse(await readFile(join(root, '.local/keys.json'), 'utf8'))
    assert.deepEqual(others, {})
    assert.match(churn.primary, /^sfkey_/)
    assert.equal(
      shown,
      [
        `churn   primary    ${churn.primary}`,
        `        secondary  ${churn.secondary}`,
        'open    no keys    it is public',
        'tokens  no keys    it takes access tokens of Microsoft Entra ID',
        '',
        `Keys of this machine, in ${join(root, '.local/keys.json')}`,
      ].join('\n'),
    )
    assert.equal(await show(root), shown) // they stay
  })

  it('prints one key alone, for scripts', async test => {
    const root = await makeProject(test)
    const child = new Child(cli, ['keys', 'show', 'churn', '--key', 'secondary', '--app', root, '--models', root])
    assert.equal(await child.ended(), 0, child.output)
    const keys = JSON.parse(await readFile(join(root, '.local/keys.json'), 'utf8'))
    assert.equal(child.output, `${keys.churn.secondary}\n`)
  })

  it('prints JSON', async test => {
    const root = await makeProject(test)
    const json = JSON.parse(await show(root, undefined, { json: true }))
    const { churn: keys } = JSON.parse(await readFile(join(root, '.local/keys.json'), 'utf8'))
    assert.deepEqual(json, {
      source: join(root, '.local/keys.json'),
      services: [
        { service: 'churn', auth: 'key', keys },
        { service: 'open', auth: 'none' },
        { service: 'tokens', auth: 'token' },
      ],
    })
  })

  it('shows the names of secrets where the keys are in a vault, and how to show one', async test => {
    const root = await makeProject(test)
    await writeFile(join(root, 'local.settings.json'), '{}')
    assert.equal(
      await show(root, 'churn', {}, vault),
      `churn  primary    churn-primary-key
       secondary  churn-secondary-key

These are secrets in the vault https://my-vault.vault.azure.net. Show one with:
az keyvault secret show --id https://my-vault.vault.azure.net/secrets/churn-primary-key --query value --output tsv`,
    )
  })

  it.for<[service: string, environment: NodeJS.ProcessEnv, message: RegExp]>([
    ['nope', {}, /^no service "nope" in .*; there are: My Model, churn, open, tokens$/],
    ['open', {}, /^open has no keys: it is public$/],
    ['churn', vault, /^the keys of churn are in the vault; show one with: az keyvault secret show --id https:/],
    [
      'churn',
      { AZURE_FUNCTIONS_ENVIRONMENT: 'Production' },
      /^AZURE_FUNCTIONS_ENVIRONMENT is Production, and .* set KEY_/,
    ],
  ])('says why there is no key of %s with %j', async ([service, environment, message], test) => {
    const root = await makeProject(test)
    await assert.rejects(show(root, service, { key: 'primary' }, environment), { name: 'StartupError', message })
  })
})
