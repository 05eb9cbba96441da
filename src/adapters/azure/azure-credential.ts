import type { TokenCredential } from '@azure/identity'

/** The bundle beside this one, or the source file when run from source. */
const entry = new URL(import.meta.url.endsWith('.ts') ? './identity.ts' : './identity.cjs', import.meta.url)

/**
 * Returns the app's credential: its managed identity in Azure, or the account that is signed in on a developer's machine
 * (`az login`, an editor, environment variables).
 *
 * @param clientId  `AZURE_CLIENT_ID` of a user-assigned identity; undefined: the system-assigned one
 */
export async function azureCredential(isDevelopment: boolean, clientId: string | undefined): Promise<TokenCredential> {
  const { DefaultAzureCredential, ManagedIdentityCredential } = (await import(
    entry.href
  )) as typeof import('./identity.ts')
  if (isDevelopment) return new DefaultAzureCredential({ managedIdentityClientId: clientId })
  const retryOptions = { maxRetries: 1 }
  return new ManagedIdentityCredential(clientId === undefined ? { retryOptions } : { clientId, retryOptions })
}
