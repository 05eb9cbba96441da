import { createHmac } from 'node:crypto'
import { StartupError } from '../../../errors.ts'
import { connectionSettings } from '../../../models/definition/triggers.ts'

/** A namespace of Service Bus, and how the app shows that it may send there. */
export interface BusAddress {
  /** e.g. `https://orders.servicebus.windows.net` */
  readonly url: string
  readonly access:
    | { readonly kind: 'key'; readonly keyName: string; readonly key: string }
    /** @param clientId  undefined: the system-assigned identity */
    | { readonly kind: 'identity'; readonly clientId: string | undefined }
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Finds the namespace that a trigger's `connection` names, as Azure's host does: the setting `AzureWebJobs<name>` or `<name>`, or
 * settings such as `<name>__fullyQualifiedNamespace`.
 *
 * @throws StartupError that names the setting, without its value, which may be a key
 */
export function readBusAddress(name: string, environment: Environment): BusAddress {
  const names = connectionSettings(name)
  for (const each of names) {
    const text = environment[each]
    if (text) return parseConnectionString(each, text)
    const host = environment[`${each}__fullyQualifiedNamespace`]
    if (!host) continue
    if (!/^[a-z0-9.-]+$/i.test(host))
      throw new StartupError(
        `setting ${each}__fullyQualifiedNamespace must be a host, such as orders.servicebus.windows.net`,
      )
    const clientId = environment[`${each}__clientId`] || undefined
    const isManaged = environment[`${each}__credential`]?.toLowerCase() === 'managedidentity'
    const access = {
      kind: 'identity',
      clientId: clientId ?? (isManaged ? undefined : environment.AZURE_CLIENT_ID),
    } as const
    return { url: `https://${host}`, access }
  }
  throw new StartupError(`setting ${names.join(' or ')} is not set, nor ${name}__fullyQualifiedNamespace`)
}

function parseConnectionString(name: string, text: string): BusAddress {
  const parts = new Map(
    text.split(';').flatMap(part => {
      const at = part.indexOf('=')
      return at < 0 ? [] : [[part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim()] as const]
    }),
  )
  const endpoint = URL.parse(parts.get('endpoint')?.replace(/^(sb|amqps?):/i, 'https:') ?? '')
  const [keyName, key] = [parts.get('sharedaccesskeyname'), parts.get('sharedaccesskey')]
  if (!endpoint?.host || !keyName || !key)
    throw new StartupError(
      `setting ${name} must be a connection string of Service Bus, with Endpoint, SharedAccessKeyName and SharedAccessKey`,
    )
  const isEmulator = parts.get('usedevelopmentemulator')?.toLowerCase() === 'true'
  return { url: `${isEmulator ? 'http' : 'https'}://${endpoint.host}`, access: { kind: 'key', keyName, key } }
}

/**
 * Signs a token for a queue. ("Service Bus access control with Shared Access Signatures")
 *
 * @param expiresAt  seconds since 1970
 */
export function signToken(resource: string, keyName: string, key: string, expiresAt: number): string {
  const encoded = encodeURIComponent(resource)
  const signature = createHmac('sha256', key).update(`${encoded}\n${expiresAt}`).digest('base64')
  return `SharedAccessSignature sr=${encoded}&sig=${encodeURIComponent(signature)}&se=${expiresAt}&skn=${encodeURIComponent(keyName)}`
}
