/** Where the repository is: a folder, or a container of blobs. */
import { StartupError } from '../../errors.ts'
import { storageName } from '../../models/definition/blob-path.ts'
import { readOwnBlobs, readStorageAddress, type StorageSettings } from './storage-address.ts'

export type RepositoryAddress =
  | { readonly kind: 'folder'; readonly path: string }
  | {
      readonly kind: 'blobs'
      readonly account: BlobsAddress
      readonly container: string
      /** Empty, or ends with `/`. */
      readonly prefix: string
      /** The URL of both, without a signature. */
      readonly location: string
    }

/** The blob service of an account, and how to get access. */
export type BlobsAddress =
  | { readonly connectionString: string }
  | { readonly blobUrl: string; readonly isDevelopment: boolean; readonly clientId: string | undefined }

const form =
  'https://<account>.blob.core.windows.net/<container>, or blob:<container> in the account of AzureWebJobsStorage'

/**
 * Reads a location:
 *
 * - `models`, `/srv/models`: a folder
 * - `https://myaccount.blob.core.windows.net/models/team-a`: a container, and a path in it, read and written with the identity of
 *   the caller; with `AzureWebJobsStorage`, where it is of the same account
 * - `blob:models/team-a`: the same in the account of `AzureWebJobsStorage`, such as Azurite
 *
 * @param name  what is wrong where something is, e.g. `setting SCORING_MODELS`
 * @throws StartupError
 */
export function readRepositoryAddress(location: string, storage: StorageSettings, name: string): RepositoryAddress {
  const [, inOwn] = /^blob:(?!\/\/)(.*)$/.exec(location) ?? []
  if (inOwn !== undefined) return inOwnAccount(inOwn, storage, name)
  if (!/^https?:\/\//i.test(location)) return { kind: 'folder', path: location }
  const url = URL.parse(location)
  const own = storage.connectionString ? readOwnBlobs(storage) : undefined
  if (url && own && (url.href === own.url || url.href.startsWith(`${own.url}/`)) && !url.search) {
    return inOwnAccount(url.href.slice(own.url.length + 1), storage, name)
  }
  if (url?.protocol !== 'https:' || url.username || url.password || url.search || url.hash) {
    // A signature would be in the setting, so the value is not shown.
    throw new StartupError(`${name} must be a folder, or ${form}, without user, query or signature`)
  }
  const { isDevelopment, clientId, defaultClientId } = storage
  const account = { blobUrl: url.origin, isDevelopment, clientId: clientId ?? defaultClientId }
  return { kind: 'blobs', account, ...readPath(decodeURIComponent(url.pathname.slice(1)), url.origin, name) }
}

/** Whether a location is one of blobs, right or wrong. */
export function isContainer(location: string): boolean {
  return /^(blob:(?!\/\/)|https?:\/\/)/i.test(location)
}

function inOwnAccount(path: string, storage: StorageSettings, name: string): RepositoryAddress {
  const account = readStorageAddress(storage)
  const own = readOwnBlobs(storage)
  if (!account || !own) throw new StartupError(`${name} is in the account of AzureWebJobsStorage, which is not set`)
  return { kind: 'blobs', account, ...readPath(path, own.url, name) }
}

function readPath(path: string, accountUrl: string, name: string) {
  const [container = '', ...folders] = path.split('/').filter(part => part !== '')
  if (!storageName.test(container) || folders.some(part => /^\.\.?$|\\/.test(part)))
    throw new StartupError(`${name}: ${JSON.stringify(path)} is not a container and a path in it; use ${form}`)
  const prefix = folders.map(folder => `${folder}/`).join('')
  return { container, prefix, location: `${accountUrl}/${container}${prefix && `/${prefix.slice(0, -1)}`}` }
}
