import { openKeyVault } from '../../src/adapters/azure/open-key-vault.ts'
import type { SecretStore } from '../../src/auth/secret-store.ts'
import type { KeyVaultDouble } from './key-vault-double.ts'

/** The double as the app outside Development reads it, with the real client. */
export function storeOfDouble(vault: KeyVaultDouble): Promise<SecretStore> {
  return openKeyVault({
    url: vault.url,
    isDevelopment: false,
    testCaFile: vault.environment.SCORING_KEY_VAULT_TEST_CA,
    testToken: vault.token,
  })
}
