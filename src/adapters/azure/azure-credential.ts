import type { TokenCredential } from '@azure/identity'

/**
 * Who the app is to Azure: its managed identity there; on a developer's machine whoever is signed in (`az login`, an
 * editor, environment variables).
 *
 * @param clientId  `AZURE_CLIENT_ID`: which user-assigned identity; undefined: the system-assigned one
 */
export async function azureCredential(isDevelopment: boolean, clientId: string | undefined): Promise<TokenCredential> {
  const { DefaultAzureCredential, ManagedIdentityCredential } = await import('@azure/identity')
  if (isDevelopment) return new DefaultAzureCredential({ managedIdentityClientId: clientId })
  const retryOptions = { maxRetries: 1 }
  return new ManagedIdentityCredential(clientId === undefined ? { retryOptions } : { clientId, retryOptions })
}
