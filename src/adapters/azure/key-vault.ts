/** What needs Azure's SDKs: a bundle of its own, so that a start without a vault does not even read their code. */
export { azureCredential } from './azure-credential.ts'
export { KeyVaultSecretStore } from './key-vault-secret-store.ts'
