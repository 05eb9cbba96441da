/** Opens workspaces: what `scoring-functions/client` needs Node.js for. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { openCredential, openKeyVault } from '../adapters/azure/open-key-vault.ts'
import { connectRepository, openRepository } from '../adapters/azure/open-repository.ts'
import { readRepositoryAddress } from '../adapters/azure/repository-address.ts'
import { KeyFile } from '../adapters/local/key-file.ts'
import type { AzureWorkspaceOptions, FolderWorkspaceOptions, WorkspaceStore } from '../client/workspace.ts'
import { WorkspaceError } from '../client/workspace-error.ts'
import { StartupError } from '../errors.ts'
import { readLocalSettings } from '../host/local-settings.ts'
import { readAppAddress } from './app-address.ts'
import { folderLogs, noLogs } from './logs.ts'
import { RegistryWorkspace } from './registry-workspace.ts'
import { storageSettings } from './storage-settings.ts'
import { uploadInput } from './upload-input.ts'
import { WorkspaceKeys } from './workspace-keys.ts'

const defaultPort = 7071
const configFile = 'workspace.json'

/** @throws StartupError when there is no project */
export async function openFolderWorkspace(
  folder: string,
  { url, models }: FolderWorkspaceOptions,
): Promise<WorkspaceStore> {
  const root = findUp(resolve(folder), 'host.json')
  if (root === undefined)
    throw new StartupError(
      `there is no project: neither ${resolve(folder)} nor a folder above it has a host.json; make one with "npx scoring init my-scoring"`,
    )
  const { values, port } = existsSync(join(root, 'local.settings.json'))
    ? readLocalSettings(root, process.env)
    : { values: {}, port: undefined }
  const environment: NodeJS.ProcessEnv = { ...process.env, ...values }
  const location = models ?? (environment.SCORING_MODELS || 'models')
  const storage = storageSettings(environment, root)
  const isRemote = /^(https?:|blob:)/i.test(location)
  const findApp = () => url ?? (environment.SCORING_URL || readAppAddress(root))
  const files = await openRepository(isRemote ? location : resolve(root, location), storage)
  return new RegistryWorkspace({
    name: files.location,
    files,
    keys: new WorkspaceKeys(async () => openProjectKeys(root, environment)),
    credential: () => openCredential(environment.AZURE_CLIENT_ID || undefined),
    findUrl: async () => trimUrl(findApp() ?? `http://localhost:${port ?? defaultPort}`),
    requireApp: () => {
      if (findApp() === undefined)
        throw new WorkspaceError(
          `the app of ${root} does not run: start it with "npx scoring start", or name its address (--url, SCORING_URL)`,
        )
    },
    readLogs: folderLogs(root),
    uploadInput: uploadInput(async () => openRepository('blob:input', storageSettings(environment, root))),
    projectRoot: root,
  })
}

function openProjectKeys(root: string, environment: NodeJS.ProcessEnv) {
  const { KEY_VAULT_URL, AZURE_CLIENT_ID, SCORING_KEY_VAULT_TEST_CA, SCORING_KEY_VAULT_TEST_TOKEN } = environment
  if (!KEY_VAULT_URL) return new KeyFile(join(root, '.local', 'keys.json'))
  return openKeyVault({
    url: KEY_VAULT_URL,
    isDevelopment: true,
    clientId: AZURE_CLIENT_ID || undefined,
    testCaFile: SCORING_KEY_VAULT_TEST_CA || undefined,
    testToken: SCORING_KEY_VAULT_TEST_TOKEN || undefined,
  })
}

/** @throws StartupError naming the option that is wrong */
export async function openAzureWorkspace(options: AzureWorkspaceOptions): Promise<WorkspaceStore> {
  const { url, models, keyVault, storage, credential } = options
  const address = readRepositoryAddress(models, { isDevelopment: true }, 'models')
  if (address.kind !== 'blobs')
    throw new StartupError('models must be a container, such as https://myaccount.blob.core.windows.net/models')
  if (!URL.canParse(url))
    throw new StartupError('url must be the address of the app, such as https://my-scoring.azurewebsites.net')
  const files = await connectRepository(address, credential)
  const blobService = storage ?? new URL(models).origin
  const openInput = async () =>
    connectRepository(readRepositoryAddress(`${blobService}/input`, { isDevelopment: true }, 'storage'), credential)
  return new RegistryWorkspace({
    name: files.location,
    files,
    keys: new WorkspaceKeys(async () => {
      if (keyVault === undefined)
        throw new StartupError('the workspace was opened without keyVault, so its keys cannot be read')
      return openKeyVault({ url: keyVault, isDevelopment: true, credential })
    }),
    credential: async () => credential ?? openCredential(undefined),
    findUrl: async () => trimUrl(url),
    requireApp: () => {},
    readLogs: noLogs,
    uploadInput: uploadInput(openInput),
    projectRoot: findUp(process.cwd(), 'host.json'),
  })
}

/** @throws StartupError when `workspace.json` is wrong, or there is neither it nor a project */
export async function openConfiguredWorkspace(
  folder: string,
  { credential }: Pick<AzureWorkspaceOptions, 'credential'>,
): Promise<WorkspaceStore> {
  const root = findUp(resolve(folder), configFile)
  if (root === undefined) return openFolderWorkspace(folder, {})
  return openAzureWorkspace({ ...readConfig(join(root, configFile)), credential })
}

const configKeys = ['url', 'models', 'keyVault', 'storage']

function readConfig(path: string): Omit<AzureWorkspaceOptions, 'credential'> {
  let config: Record<string, unknown>
  try {
    config = Object(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    throw new StartupError(`${path} is not JSON: ${(cause as Error).message}`)
  }
  for (const [key, value] of Object.entries(config)) {
    if (!configKeys.includes(key))
      throw new StartupError(`${path}: unrecognized key "${key}"; there are: ${configKeys.join(', ')}`)
    if (typeof value !== 'string') throw new StartupError(`${path}: ${key} must be a text`)
  }
  const { url, models, keyVault, storage } = config as Partial<Record<string, string>>
  if (url === undefined || models === undefined)
    throw new StartupError(`${path}: ${url === undefined ? 'url' : 'models'} is missing`)
  return { url, models, keyVault, storage }
}

function findUp(from: string, file: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, file))) return folder
    if (dirname(folder) === folder) return undefined
  }
}

const trimUrl = (url: string): string => url.replace(/\/+$/, '')
