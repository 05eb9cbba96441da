/** Entry of the bundle with Azure's SDKs for Key Vault: a start without a vault does not even read their code. */
export { azureCredential } from './azure-credential.ts'
export { KeyVaultSecretStore } from './key-vault-secret-store.ts'
