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

export type StorageConnection =
  | { readonly kind: 'found'; readonly connectionString: string }
  | { readonly kind: 'missing'; readonly reason: string }

const identitySuffixes = ['accountName', 'serviceUri', 'queueServiceUri', 'blobServiceUri', 'tableServiceUri']

/**
 * Finds the account that a trigger's `connection` names: the setting `AzureWebJobs<name>`, or else `<name>`.
 *
 * @param name  empty or undefined: `AzureWebJobsStorage`
 * @throws StartupError for a connection by identity, which needs Azure
 */
export function findStorageConnection(name: unknown, environment: NodeJS.ProcessEnv): StorageConnection {
  const given = typeof name === 'string' && name !== '' ? name : 'AzureWebJobsStorage'
  const settings = given.startsWith('AzureWebJobs') ? [given] : [`AzureWebJobs${given}`, given]
  for (const setting of settings) {
    const value = environment[setting]
    if (value && isConnectionString(value)) return { kind: 'found', connectionString: value }
    if (value) return { kind: 'missing', reason: `${setting} is no connection string` }
    const [byIdentity] = identitySuffixes.map(suffix => `${setting}__${suffix}`).filter(each => environment[each])
    if (!byIdentity) continue
    throw new StartupError(
      `setting ${byIdentity} asks for a connection by identity, which only Azure's own host makes: ` +
        `set ${setting} to a connection string here, e.g. UseDevelopmentStorage=true`,
    )
  }
  return { kind: 'missing', reason: `${settings.join(' or ')} is not set` }
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
