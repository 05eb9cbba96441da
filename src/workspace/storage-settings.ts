import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { StorageSettings } from '../adapters/azure/storage-address.ts'

/** The storage of a project: on this machine the one that `scoring start` has started. */
export function storageSettings(environment: NodeJS.ProcessEnv, root: string): StorageSettings {
  const { AzureWebJobsStorage, AZURE_CLIENT_ID } = environment
  const started = join(root, '.local', 'storage-connection-string')
  const isLocal = !AzureWebJobsStorage || AzureWebJobsStorage === 'UseDevelopmentStorage=true'
  const connectionString = isLocal && existsSync(started) ? readFileSync(started, 'utf8').trim() : AzureWebJobsStorage
  return {
    connectionString: connectionString || undefined,
    accountName: environment.AzureWebJobsStorage__accountName,
    blobServiceUri: environment.AzureWebJobsStorage__blobServiceUri,
    queueServiceUri: environment.AzureWebJobsStorage__queueServiceUri,
    credential: environment.AzureWebJobsStorage__credential,
    clientId: environment.AzureWebJobsStorage__clientId,
    defaultClientId: AZURE_CLIENT_ID || undefined,
    isDevelopment: true,
  }
}
