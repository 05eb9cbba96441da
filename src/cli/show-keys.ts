/** Shows the keys of services to the developer who asks for them: those of this machine, or where they are in a vault. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { KeyFile } from '../adapters/local/key-file.ts'
import { type KeyType, keySecretName, keyTypes } from '../auth/key-names.ts'
import { StartupError } from '../errors.ts'
import { parseDefinition } from '../models/definition/parse-definition.ts'
import { serviceNamePattern } from '../models/definition/service-name.ts'
import { isDevelopment, type Project } from './project.ts'
import { listServiceNames } from './service-names.ts'
import { formatTable, openTerminal } from './terminal.ts'

export interface KeyOptions {
  /** Prints only this key. */
  readonly key?: KeyType
  readonly json?: boolean
}

/** The credentials of a service; a vault has secrets instead of the keys themselves. */
type Credentials =
  | { readonly service: string; readonly auth: 'key'; readonly keys: Readonly<Record<KeyType, string>> }
  | { readonly service: string; readonly auth: 'key'; readonly secrets: Readonly<Record<KeyType, string>> }
  | { readonly service: string; readonly auth: 'token' | 'none' }

/**
 * Prints the keys of one service, or of all.
 *
 * @throws StartupError when there is no such service or key
 */
export async function printKeys(
  { root, environment, modelsDir }: Project,
  service: string | undefined,
  { key, json }: KeyOptions,
): Promise<void> {
  const names = await listServiceNames(modelsDir, service === undefined ? [] : [service])
  const vaultUrl = environment.KEY_VAULT_URL || undefined
  if (vaultUrl === undefined && !isDevelopment(environment)) {
    throw new StartupError(
      `AZURE_FUNCTIONS_ENVIRONMENT is ${environment.AZURE_FUNCTIONS_ENVIRONMENT}, and outside Development keys are in a vault: set KEY_VAULT_URL`,
    )
  }
  // A folder whose name is no service name gets no keys from the app either.
  const valid = names.filter(name => serviceNamePattern.test(name))
  const all = await Promise.all(valid.map(async name => ({ name, auth: await readAuthMode(modelsDir, name) })))
  const protectedByKeys = all.filter(({ auth }) => auth === 'key').map(({ name }) => name)
  const readKeys = vaultUrl === undefined ? await openKeyFile(root, protectedByKeys) : undefined
  const credentials = await Promise.all(
    all.map(async ({ name, auth }): Promise<Credentials> => {
      if (auth !== 'key') return { service: name, auth }
      return readKeys
        ? { service: name, auth, keys: await readKeys(name) }
        : { service: name, auth, secrets: forEachType(type => keySecretName(name, type)) }
    }),
  )
  const source = vaultUrl ?? join(root, '.local', 'keys.json')
  const [only] = credentials
  if (key && only) console.log(findKey(only, key, source))
  else if (json) console.log(JSON.stringify({ source, services: credentials }, undefined, 2))
  else printTable(credentials, source)
}

/** A service whose definition cannot be read is protected by keys, as in the app. */
export async function readAuthMode(modelsDir: string, name: string): Promise<'key' | 'token' | 'none'> {
  try {
    return parseDefinition(name, await readFile(join(modelsDir, name, 'service.json'), 'utf8')).auth.mode
  } catch {
    return 'key'
  }
}

/** Makes missing keys as the start of the services does, so that scripts may ask before it. */
async function openKeyFile(root: string, services: readonly string[]) {
  const file = new KeyFile(join(root, '.local', 'keys.json'))
  await file.makeMissingKeys(services)
  return async (service: string): Promise<Record<KeyType, string>> => {
    const [primary, secondary] = await Promise.all(
      keyTypes.map(async type => (await file.fetchSecret(keySecretName(service, type)))?.value ?? ''),
    )
    return { primary: primary ?? '', secondary: secondary ?? '' }
  }
}

const forEachType = (value: (type: KeyType) => string): Record<KeyType, string> => ({
  primary: value('primary'),
  secondary: value('secondary'),
})

function findKey(credentials: Credentials, type: KeyType, source: string): string {
  const { service } = credentials
  if ('keys' in credentials) return credentials.keys[type]
  if ('secrets' in credentials) {
    throw new StartupError(
      `the keys of ${service} are in the vault; show one with: ${describeVaultCommand(source, credentials.secrets[type])}`,
    )
  }
  throw new StartupError(`${service} has no keys: ${describeOther(credentials.auth)}`)
}

const describeOther = (auth: 'token' | 'none') =>
  auth === 'none' ? 'it is public' : 'it takes access tokens of Microsoft Entra ID'

const describeVaultCommand = (vaultUrl: string, secret: string) =>
  `az keyvault secret show --id ${new URL(`secrets/${secret}`, vaultUrl).href} --query value --output tsv`

function printTable(all: readonly Credentials[], source: string): void {
  const terminal = openTerminal()
  const rows = all.flatMap(credentials => {
    const name = terminal.paint('bold', credentials.service)
    if (!('keys' in credentials) && !('secrets' in credentials))
      return [[name, 'no keys', describeOther(credentials.auth)]]
    const values = 'keys' in credentials ? credentials.keys : credentials.secrets
    return keyTypes.map((type, index) => [index === 0 ? name : '', type, values[type]])
  })
  console.log(formatTable(rows, terminal))
  const secret = all.flatMap(each => ('secrets' in each ? [each.secrets.primary] : []))[0]
  if (secret !== undefined) {
    console.log(`\nThese are secrets in the vault ${source}. Show one with:\n${describeVaultCommand(source, secret)}`)
  } else if (all.some(each => 'keys' in each)) console.log(`\nKeys of this machine, in ${source}`)
}
