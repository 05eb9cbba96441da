/**
 * Makes the two keys of each service that has none yet. azd runs this after `azd provision`.
 *
 * The keys are made here, and go to the vault as secure parameters of a deployment: they are in no file, output or log, and who
 * deploys needs no role to read them. Existing keys are never read and never changed.
 */
import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import { keySecretName, keyTypes } from '../../src/auth/key-names.ts'
import { makeKey } from '../../src/auth/service-key.ts'
import { findModelsDir } from '../../src/cli/project.ts'
import { listServiceNames } from '../../src/cli/service-names.ts'
import { readAuthMode } from '../../src/cli/show-keys.ts'
import { HookError, openResourceManager, requireVariable, resourceGroupPath, runHook } from './resource-manager.ts'

const vaultApi = '2026-02-01'
const deploymentApi = '2025-04-01'
/** Where azd runs this, or the folder that azure.yaml names. */
const root = resolve(process.argv[2] ?? '.')

/** A key that never ends is forgotten. 30 days before the end there is an alert. */
const defaultDays = 365

const keyTemplate = {
  $schema: 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
  contentVersion: '1.0.0.0',
  parameters: {
    vault: { type: 'string' },
    names: { type: 'array' },
    expires: { type: 'int' },
    // Secure parameters are not kept in the history of deployments.
    keys: { type: 'secureObject' },
  },
  resources: [
    {
      type: 'Microsoft.KeyVault/vaults/secrets',
      apiVersion: vaultApi,
      copy: { name: 'keys', count: "[length(parameters('names'))]" },
      name: "[format('{0}/{1}', parameters('vault'), parameters('names')[copyIndex()])]",
      properties: {
        value: "[parameters('keys')[parameters('names')[copyIndex()]]]",
        contentType: 'key of a scoring service',
        attributes: { enabled: true, exp: "[parameters('expires')]" },
      },
    },
  ],
}

await runHook(async () => {
  const { env } = process
  const group = resourceGroupPath(env)
  const vault = requireVariable(env, 'AZURE_KEY_VAULT_NAME')
  const days = readDays(env.KEY_DAYS)
  const manager = await openResourceManager(requireVariable(env, 'AZURE_RESOURCE_MANAGER'))

  const services = await listProtectedServices()
  const vaultPath = `${group}/providers/Microsoft.KeyVault/vaults/${vault}`
  const existing = await manager.list(`${vaultPath}/secrets`, vaultApi)
  const has = new Set(existing.map(({ name }) => name.split('/').at(-1)?.toLowerCase()))
  const missing = services
    .flatMap(service => keyTypes.map(type => keySecretName(service, type)))
    .filter(name => !has.has(name.toLowerCase()))
  if (missing.length === 0) return console.log(`All ${services.length} services have their keys in ${vault}.`)

  await manager.put(`${group}/providers/Microsoft.Resources/deployments/scoring-keys`, deploymentApi, {
    properties: {
      mode: 'Incremental',
      template: keyTemplate,
      parameters: {
        vault: { value: vault },
        names: { value: missing },
        expires: { value: Math.floor(Date.now() / 1000) + days * 86_400 },
        keys: { value: Object.fromEntries(missing.map(name => [name, makeKey(randomBytes)])) },
      },
    },
  })
  console.log(`Made in ${vault}, valid for ${days} days: ${missing.join(', ')}`)
  console.log(
    `Show one with: az keyvault secret show --vault-name ${vault} --name ${missing[0]} --query value --output tsv`,
  )
})

async function listProtectedServices(): Promise<readonly string[]> {
  const { SCORING_MODELS = '' } = process.env
  if (/^(https?|blob):/.test(SCORING_MODELS)) {
    throw new HookError(
      `SCORING_MODELS is "${SCORING_MODELS}", and this hook only knows services in a folder: make the keys of others with "az keyvault secret set"`,
    )
  }
  const modelsDir = findModelsDir({ app: root })
  const names = await listServiceNames(modelsDir, [])
  const modes = await Promise.all(names.map(name => readAuthMode(modelsDir, name)))
  return names.filter((_, index) => modes[index] === 'key')
}

function readDays(text: string | undefined): number {
  const days = Number(text || defaultDays)
  if (!Number.isInteger(days) || days < 1 || days > 3650)
    throw new HookError(`KEY_DAYS is "${text}", and must be a whole number from 1 to 3650`)
  return days
}
