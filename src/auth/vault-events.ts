/** Events that Key Vault sends when a secret has a new version, or its newest version expires. */
const eventTypes: ReadonlySet<unknown> = new Set([
  'Microsoft.KeyVault.SecretNewVersionCreated',
  'Microsoft.KeyVault.SecretExpired',
])

/**
 * Finds the secret that an Event Grid event says has changed.
 *
 * @param event     untrusted. Unknown members are ignored, as Key Vault may add some ("Azure Key Vault as Event Grid source",
 *                  event schema)
 * @param vaultUrl  the vault that the app reads
 * @returns the name of the secret; undefined when the event is of another kind or of another vault
 */
export function changedSecret(event: unknown, vaultUrl: string): string | undefined {
  const { eventType, topic, data } = asMembers(event)
  const { objectName, objectType } = asMembers(data)
  const vault = new URL(vaultUrl).hostname.split('.', 1)[0] as string
  const isOurs =
    typeof topic === 'string' && topic.toLowerCase().endsWith(`/providers/microsoft.keyvault/vaults/${vault}`)
  if (!isOurs || !eventTypes.has(eventType) || objectType !== 'Secret') return undefined
  return typeof objectName === 'string' && /^[0-9A-Za-z-]{1,127}$/.test(objectName) ? objectName : undefined
}

function asMembers(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
