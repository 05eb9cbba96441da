/** Wires a repository in Blob storage. A bundle of its own, so that apps with a folder do not read its code. */
import { join } from 'node:path'
import { connectRepository } from '../adapters/azure/open-repository.ts'
import { type FolderReading, RemoteModelStore } from '../adapters/azure/remote-model-store.ts'
import type { RepositoryAddress } from '../adapters/azure/repository-address.ts'
import { FileCache } from '../adapters/local/file-cache.ts'
import { openPrivateFolder } from '../adapters/local/private-folder.ts'
import { openProcessFolder } from '../adapters/local/process-folder.ts'
import { StartupError } from '../errors.ts'
import type { ModelStore } from '../models/repository/model-store.ts'
import type { Settings } from './settings.ts'

/** @throws StartupError when the folder of the cache cannot be used */
export async function openRemoteStore(
  address: RepositoryAddress,
  { folder, maxBytes }: Settings['modelCache'],
  reading: FolderReading,
): Promise<ModelStore> {
  try {
    openPrivateFolder(folder)
    const views = openProcessFolder(join(folder, 'opened'))
    const cache = new FileCache({ folder: join(folder, 'files'), maxBytes, log: line => console.error(line) })
    return new RemoteModelStore({ files: await connectRepository(address), cache, folder: views, reading })
  } catch (cause) {
    throw new StartupError(`setting SCORING_MODEL_CACHE: ${(cause as Error).message}`, { cause })
  }
}
