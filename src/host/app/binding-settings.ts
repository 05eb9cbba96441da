/** The settings that a binding refers to: values in its texts, and its storage account. */
import { StartupError } from '../../errors.ts'

/**
 * Replaces each `%NAME%` in a binding's text by the value of that setting.
 *
 * @param label  names the text in the message
 * @throws StartupError when there is no such setting
 */
export function resolveSettings(text: string, label: string, environment: NodeJS.ProcessEnv): string {
  return text.replace(/%([^%]+)%/g, (_, name: string) => {
    const value = environment[name]
    if (!value) throw new StartupError(`${label} is "${text}", and setting ${name} is not set`)
    return value
  })
}

export type StorageService = 'blob' | 'queue'

/** An identity of Entra ID. */
export interface Identity {
  /** As `…__credential` says; otherwise the account that is signed in on this machine is used, too. */
  readonly isManagedIdentity: boolean
  /** Of an identity that is assigned by the user. */
  readonly clientId: string | undefined
}

/** An account that is reached with an identity. */
export interface IdentityConnection extends Identity {
  /** Addresses of the services that were asked for. */
  readonly urls: Partial<Record<StorageService, string>>
}

/** A connection string, or an account by identity. */
export type StorageAccount = string | IdentityConnection

export type StorageConnection =
  | { readonly kind: 'found'; readonly account: StorageAccount }
  | { readonly kind: 'missing'; readonly reason: string }

const identitySuffixes = ['accountName', 'serviceUri', 'queueServiceUri', 'blobServiceUri', 'tableServiceUri']

/**
 * Finds the account that a trigger's `connection` names: the setting `AzureWebJobs<name>`, or else `<name>`, each a connection
 * string or settings that begin with it, such as `<name>__accountName`.
 *
 * @param name  empty or undefined: `AzureWebJobsStorage`
 * @param services  what the binding needs of the account; `<name>__serviceUri` is the address of the first
 * @throws StartupError for a connection by identity that does not lead to them
 */
export function findStorageConnection(
  name: unknown,
  environment: NodeJS.ProcessEnv,
  ...services: readonly [StorageService, ...StorageService[]]
): StorageConnection {
  const settings = connectionSettings(name, 'AzureWebJobsStorage')
  for (const setting of settings) {
    const value = environment[setting]
    if (value && isConnectionString(value)) return { kind: 'found', account: value }
    if (value) return { kind: 'missing', reason: `${setting} is no connection string` }
    if (isByIdentity(setting, environment))
      return { kind: 'found', account: readAccount(setting, environment, services) }
  }
  return { kind: 'missing', reason: `${settings.join(' or ')} is not set` }
}

/**
 * The settings that a trigger's `connection` may mean, in their order.
 *
 * @param initial  what it means where it is empty or undefined
 */
export function connectionSettings(name: unknown, initial: string): readonly string[] {
  const given = typeof name === 'string' && name !== '' ? name : initial
  return given.startsWith('AzureWebJobs') ? [given] : [`AzureWebJobs${given}`, given]
}

/** Whether settings such as `AzureWebJobsStorage__accountName` say how an account is reached. */
export function isByIdentity(setting: string, environment: NodeJS.ProcessEnv): boolean {
  return identitySuffixes.some(suffix => environment[`${setting}__${suffix}`])
}

function readAccount(
  setting: string,
  environment: NodeJS.ProcessEnv,
  services: readonly StorageService[],
): IdentityConnection {
  const read = (suffix: string) => environment[`${setting}__${suffix}`] || undefined
  const accountName = read('accountName')
  const urls = services.map((service, index) => {
    const given = read(`${service}ServiceUri`) ?? (index === 0 ? read('serviceUri') : undefined)
    const url = given ?? (accountName && `https://${accountName}.${service}.core.windows.net`)
    if (url === undefined)
      throw new StartupError(
        `setting ${setting}__${service}ServiceUri is not set, and a function with a ${services[0]} needs it`,
      )
    // The SDK would send no token to another kind of address, and say so with each poll.
    if (URL.parse(url)?.protocol !== 'https:')
      throw new StartupError(
        `setting ${setting}__${service}ServiceUri must be an https URL, such as https://mystorage.${service}.core.windows.net`,
      )
    return [service, url]
  })
  return { urls: Object.fromEntries(urls), ...readIdentity(setting, environment) }
}

/** Reads `<setting>__credential` and `<setting>__clientId`. */
export function readIdentity(setting: string, environment: NodeJS.ProcessEnv): Identity {
  return {
    isManagedIdentity: environment[`${setting}__credential`]?.toLowerCase() === 'managedidentity',
    clientId: environment[`${setting}__clientId`] || undefined,
  }
}

function isConnectionString(text: string): boolean {
  const values = new Map(
    text.split(';').map(part => {
      const at = part.indexOf('=')
      return [part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim()] as const
    }),
  )
  if (values.get('usedevelopmentstorage')?.toLowerCase() === 'true') return true
  const hasAccount = values.has('accountname') && values.has('accountkey')
  return (
    hasAccount || (values.has('sharedaccesssignature') && (values.has('queueendpoint') || values.has('blobendpoint')))
  )
}
