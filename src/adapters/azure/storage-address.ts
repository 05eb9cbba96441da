import { StartupError } from '../../errors.ts'

/** The settings `AzureWebJobsStorage…`, which the host of the functions reads as well. */
export interface StorageSettings {
  /** `AzureWebJobsStorage` */
  readonly connectionString?: string | undefined
  /** `AzureWebJobsStorage__accountName` */
  readonly accountName?: string | undefined
  /** `AzureWebJobsStorage__blobServiceUri` */
  readonly blobServiceUri?: string | undefined
  /** `AzureWebJobsStorage__queueServiceUri` */
  readonly queueServiceUri?: string | undefined
  /** `AzureWebJobsStorage__credential`: `managedidentity` */
  readonly credential?: string | undefined
  /** `AzureWebJobsStorage__clientId`: client id of a user-assigned identity */
  readonly clientId?: string | undefined
  /** `AZURE_CLIENT_ID`: the default for `clientId` */
  readonly defaultClientId?: string | undefined
  readonly isDevelopment: boolean
}

/** Address and credentials of the storage. */
export type StorageAddress =
  | { readonly connectionString: string }
  | {
      readonly blobUrl: string
      readonly queueUrl: string
      readonly isDevelopment: boolean
      readonly clientId: string | undefined
    }

const accountName = /^[a-z0-9]{3,24}$/
const name = 'AzureWebJobsStorage'

/**
 * A connection string takes precedence over an identity, as in the Functions host ("Connect to host storage with an identity").
 *
 * @returns undefined when no storage is set
 * @throws StartupError that names the setting, without its value, which may be a key
 */
export function readStorageAddress(settings: StorageSettings): StorageAddress | undefined {
  const { connectionString, accountName, blobServiceUri, queueServiceUri } = settings
  if (connectionString) return { connectionString: checkConnectionString(connectionString) }
  if (!accountName && !blobServiceUri && !queueServiceUri) return undefined
  const isManaged = isManagedIdentity(settings.credential)
  return {
    blobUrl: serviceUrl('blob', blobServiceUri, accountName),
    queueUrl: serviceUrl('queue', queueServiceUri, accountName),
    isDevelopment: settings.isDevelopment && !isManaged,
    // `managedidentity` without a client id is the system-assigned identity, even if AZURE_CLIENT_ID is set.
    clientId: settings.clientId ?? (isManaged ? undefined : settings.defaultClientId),
  }
}

/** Azurite's address where a connection string only says `UseDevelopmentStorage=true`. */
const emulator = { account: 'devstoreaccount1', blobHost: '127.0.0.1:10000' }

/**
 * Returns the account and the host of its blobs, to compare with what callers name.
 *
 * @returns undefined when no storage is set
 * @throws StartupError as `readStorageAddress`
 */
export function readOwnStorage(settings: StorageSettings): { account: string; blobHost: string } | undefined {
  const address = readStorageAddress(settings)
  if (!address) return undefined
  if (!('connectionString' in address)) {
    const { host } = new URL(address.blobUrl)
    return { account: settings.accountName ?? host.replace(/\..*/, ''), blobHost: host }
  }
  const parts = parseParts(address.connectionString)
  if (parts.UseDevelopmentStorage) return emulator
  const url = URL.parse(parts.BlobEndpoint ?? '')
  const account = parts.AccountName ?? url?.host.replace(/\..*/, '') ?? ''
  return { account, blobHost: url?.host ?? `${account}.blob.${parts.EndpointSuffix}` }
}

/**
 * Returns the URL of the blob service, without a `/` at its end.
 *
 * @returns undefined when no storage is set
 * @throws StartupError as `readStorageAddress`
 */
export function readOwnBlobs(settings: StorageSettings): { url: string } | undefined {
  const address = readStorageAddress(settings)
  if (!address) return undefined
  if (!('connectionString' in address)) return { url: address.blobUrl.replace(/\/+$/, '') }
  const parts = parseParts(address.connectionString)
  if (parts.UseDevelopmentStorage) return { url: `http://${emulator.blobHost}/${emulator.account}` }
  const { DefaultEndpointsProtocol: protocol = 'https', AccountName, EndpointSuffix } = parts
  return { url: (parts.BlobEndpoint ?? `${protocol}://${AccountName}.blob.${EndpointSuffix}`).replace(/\/+$/, '') }
}

/**
 * Checks the connection string at the start instead of at the first job.
 *
 * @returns the string with the settings that the SDK requires, and that are optional for the Functions host
 */
function checkConnectionString(text: string): string {
  if (text.startsWith('@Microsoft.KeyVault(')) {
    throw new StartupError(`${name} is a Key Vault reference that could not be resolved; the portal shows why`)
  }
  const parts = parseParts(text)
  const has = (...keys: string[]) => keys.every(key => parts[key])
  const endpoints = [parts.BlobEndpoint, parts.QueueEndpoint].filter(url => url !== undefined)
  const areUrls = endpoints.every(url => /^https?:$/.test(URL.parse(url)?.protocol ?? ''))
  if (parts.UseDevelopmentStorage?.toLowerCase() === 'true') return 'UseDevelopmentStorage=true'
  if (areUrls && has('AccountName', 'AccountKey') && /^[A-Za-z0-9+/]+={0,2}$/.test(parts.AccountKey!)) {
    return formatParts({ DefaultEndpointsProtocol: 'https', EndpointSuffix: 'core.windows.net', ...parts })
  }
  if (areUrls && has('SharedAccessSignature', 'BlobEndpoint', 'QueueEndpoint')) return formatParts(parts)
  throw new StartupError(
    `${name} must be a connection string: UseDevelopmentStorage=true, or with AccountName and AccountKey, or with ` +
      'SharedAccessSignature, BlobEndpoint and QueueEndpoint; keys and signatures are base64, endpoints are URLs',
  )
}

/** Parses `AccountName=mine;AccountKey=…`. A value may contain equals signs. */
function parseParts(text: string): Partial<Record<string, string>> {
  const parts = text.split(';').filter(part => part.includes('='))
  return Object.fromEntries(
    parts.map(part => {
      const equals = part.indexOf('=')
      return [part.slice(0, equals).trim(), part.slice(equals + 1).trim()]
    }),
  )
}

function formatParts(parts: Partial<Record<string, string>>): string {
  return Object.entries(parts)
    .map(([key, value]) => `${key}=${value}`)
    .join(';')
}

function isManagedIdentity(credential: string | undefined): boolean {
  if (credential === undefined) return false
  if (credential.toLowerCase() === 'managedidentity') return true
  throw new StartupError(`${name}__credential must be managedidentity, or unset`)
}

function serviceUrl(service: 'blob' | 'queue', uri: string | undefined, account: string | undefined): string {
  if (uri !== undefined) {
    const url = URL.parse(uri)
    // A token is sent to this URL. A query would be a signature, which belongs in a connection string.
    if (url?.protocol === 'https:' && !url.username && !url.password && !url.search) return uri
    throw new StartupError(
      `${name}__${service}ServiceUri must be an https URL such as https://mystorage.${service}.core.windows.net, without user or query`,
    )
  }
  if (account === undefined) {
    throw new StartupError(`${name}__${service}ServiceUri is missing; the app needs both blobs and queues`)
  }
  if (!accountName.test(account)) {
    throw new StartupError(
      `${name}__accountName must be the name of a storage account: 3 to 24 lower-case letters and digits`,
    )
  }
  return `https://${account}.${service}.core.windows.net`
}
