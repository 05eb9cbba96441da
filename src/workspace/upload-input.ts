/** Uploads files that batch jobs score. */
import { randomUUID } from 'node:crypto'
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { StorageSettings } from '../adapters/azure/storage-address.ts'
import type { WorkspaceStore } from '../client/workspace.ts'
import { WorkspaceError } from '../client/workspace-error.ts'
import type { RepositoryFiles } from '../models/repository/repository-files.ts'

/** @param open  opens the container `input` */
export function uploadInput(open: () => Promise<RepositoryFiles>): WorkspaceStore['uploadInput'] {
  return async (file, blob) => {
    const found = statSync(file, { throwIfNoEntry: false })
    if (!found?.isFile()) throw new WorkspaceError(`${file} ${found ? 'is no file' : 'does not exist'}`)
    const path = blob === undefined ? `${randomUUID()}/${basename(file)}` : pathInInput(blob)
    const container = await open()
    const isNew = await container.create(path, () => createReadStream(file, { highWaterMark: 2 ** 20 }))
    if (!isNew) throw new WorkspaceError(`the blob input/${path} exists already; name another one`)
    return `input/${path}`
  }
}

function pathInInput(blob: string): string {
  const [, path] = /^input\/(.+)$/.exec(blob) ?? []
  if (path === undefined)
    throw new WorkspaceError(`${blob}: files are uploaded to the container input, such as input/rows.csv`)
  return path
}

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
