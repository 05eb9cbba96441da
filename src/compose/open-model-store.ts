import { readRepositoryAddress } from '../adapters/azure/repository-address.ts'
import { FolderModelStore } from '../adapters/local/folder-model-store.ts'
import { parseDefinition } from '../models/definition/parse-definition.ts'
import type { ModelStore } from '../models/repository/model-store.ts'
import type { Settings } from './settings.ts'

/** The bundle beside this one, or the source when run from source. */
const entry = new URL(import.meta.url.endsWith('.ts') ? './remote-store.ts' : './remote-store.cjs', import.meta.url)

/**
 * Opens the services of the app: those of a folder, or of a container, whose code is loaded only then.
 *
 * @throws StartupError when the setting is wrong
 */
export async function openModelStore(settings: Settings): Promise<ModelStore> {
  const { models, storage, azureClientId, isDevelopment } = settings
  const address = readRepositoryAddress(
    models,
    { ...storage, defaultClientId: azureClientId, isDevelopment },
    'setting SCORING_MODELS',
  )
  if (address.kind === 'folder') return new FolderModelStore(address.path)
  const { openRemoteStore } = (await import(entry.href)) as typeof import('./remote-store.ts')
  return openRemoteStore(address, settings.modelCache, {
    openFolder: root => new FolderModelStore(root),
    parseDefinition,
  })
}
