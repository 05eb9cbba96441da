/** Entry of the bundle with Azure's SDK for identities, which clients of vaults and of storage share. */
export { DefaultAzureCredential, ManagedIdentityCredential } from '@azure/identity'
