import type { TokenCredential } from '@azure/identity'
import type { RepositoryFiles } from '../../models/repository/repository-files.ts'
import { FolderRepositoryFiles } from '../local/folder-repository-files.ts'
import { type RepositoryAddress, readRepositoryAddress } from './repository-address.ts'
import type { StorageSettings } from './storage-address.ts'

/** The bundle beside this one, or the source when run from source. */
const entry = new URL(import.meta.url.endsWith('.ts') ? './storage.ts' : './storage.cjs', import.meta.url)

/**
 * Opens the files of a repository, for `ModelRegistry` and `ServiceRegistry`. Azure's SDKs are loaded for blobs only, and no
 * request is sent yet.
 *
 * @param location  as `readRepositoryAddress` takes it
 * @param storage  `AzureWebJobsStorage…`, for containers in that account, and who the caller is
 * @throws StartupError when the location is none
 */
export async function openRepository(
  location: string,
  storage: StorageSettings = { isDevelopment: true },
): Promise<RepositoryFiles> {
  return connectRepository(readRepositoryAddress(location, storage, 'the repository'))
}

/** @param credential  who the caller is; absent: as the address says */
export async function connectRepository(
  address: RepositoryAddress,
  credential?: TokenCredential,
): Promise<RepositoryFiles> {
  if (address.kind === 'folder') return new FolderRepositoryFiles(address.path)
  const { connectBlobs } = (await import(entry.href)) as typeof import('./storage.ts')
  const { BlobRepositoryFiles } = await import('./blob-repository-files.ts')
  return new BlobRepositoryFiles({ ...address, blobs: await connectBlobs(address.account, undefined, credential) })
}
