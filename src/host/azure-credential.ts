/** Identities of Entra ID, by which queues, blobs and Service Bus are reached. */
import { DefaultAzureCredential, ManagedIdentityCredential, type TokenCredential } from '@azure/identity'
import type { Identity } from './app/binding-settings.ts'

/** Each keeps its tokens until they expire, so there is one for all queues, containers and namespaces, and for every output. */
const credentials = new Map<string, TokenCredential>()

export function openCredential(identity: Identity): TokenCredential {
  const key = JSON.stringify([identity.isManagedIdentity, identity.clientId])
  const credential = credentials.get(key) ?? makeCredential(identity)
  credentials.set(key, credential)
  return credential
}

function makeCredential({ isManagedIdentity, clientId }: Identity): TokenCredential {
  const retryOptions = { maxRetries: 1 } // each poll is a retry, and so is each connection to Service Bus
  if (!isManagedIdentity) return new DefaultAzureCredential({ managedIdentityClientId: clientId, retryOptions })
  return new ManagedIdentityCredential(clientId === undefined ? { retryOptions } : { clientId, retryOptions })
}
