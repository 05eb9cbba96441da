import type { TokenCredential } from '@azure/identity'
import type { SecretStore } from '../../auth/secret-store.ts'
import { type LoopbackSettings, loopbackVault } from './loopback-vault.ts'
import { parseVaultUrl } from './vault-url.ts'

interface KeyVaultSettings extends LoopbackSettings {
  /** `KEY_VAULT_URL` */
  readonly url: string
  /** Development uses the account that is signed in on the machine; elsewhere the managed identity is used. */
  readonly isDevelopment: boolean
  /** `AZURE_CLIENT_ID`: client id of a user-assigned identity */
  readonly clientId?: string | undefined
  /** Who the caller is; absent: as `isDevelopment` says. */
  readonly credential?: TokenCredential | undefined
}

/** The bundle beside this one, or the source file when run from source. */
const entry = new URL(import.meta.url.endsWith('.ts') ? './key-vault.ts' : './key-vault.cjs', import.meta.url)

/**
 * Loads Azure's SDKs; does not call the vault yet.
 *
 * @throws StartupError when a setting is wrong
 */
export async function openKeyVault(settings: KeyVaultSettings): Promise<SecretStore> {
  const address = parseVaultUrl(settings.url)
  const loopback = loopbackVault(address, settings)
  const { azureCredential, KeyVaultSecretStore } = (await import(entry.href)) as typeof import('./key-vault.ts')
  if (!loopback) {
    const credential = settings.credential ?? (await azureCredential(settings.isDevelopment, settings.clientId))
    return new KeyVaultSecretStore(address, credential)
  }
  const { token, options } = loopback
  const getToken = async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 })
  return new KeyVaultSecretStore(address, { getToken }, options)
}

/** The account that is signed in on this machine. */
export async function openCredential(clientId: string | undefined): Promise<TokenCredential> {
  const { azureCredential } = (await import(entry.href)) as typeof import('./key-vault.ts')
  return azureCredential(true, clientId)
}
