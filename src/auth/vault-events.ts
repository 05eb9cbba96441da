/** What Key Vault tells of a secret when its newest version is another one, or is no longer to be used. */
const changes: ReadonlySet<unknown> = new Set([
  'Microsoft.KeyVault.SecretNewVersionCreated',
  'Microsoft.KeyVault.SecretExpired',
])

/**
 * The secret that an event of Event Grid tells to read again.
 *
 * @param event     as it came: anybody may have written it. Members that are not known are ignored, as Key Vault may add some
 *                  ("Azure Key Vault as Event Grid source", event schema)
 * @param vaultUrl  the vault that the app reads
 * @returns the name of the secret; undefined when the event is of another kind or of another vault
 */
export function changedSecret(event: unknown, vaultUrl: string): string | undefined {
  const { eventType, topic, data } = asMembers(event)
  const { objectName, objectType } = asMembers(data)
  const vault = new URL(vaultUrl).hostname.split('.', 1)[0] as string
  const isOurs =
    typeof topic === 'string' && topic.toLowerCase().endsWith(`/providers/microsoft.keyvault/vaults/${vault}`)
  if (!isOurs || !changes.has(eventType) || objectType !== 'Secret') return undefined
  return typeof objectName === 'string' && /^[0-9A-Za-z-]{1,127}$/.test(objectName) ? objectName : undefined
}

function asMembers(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
