import { StartupError } from '../../errors.ts'

/** Suffixes of Azure's clouds: public, China, US Government, Bleu (France), Delos (Germany). */
const cloudSuffixes = [
  'vault.azure.net',
  'vault.azure.cn',
  'vault.usgovcloudapi.net',
  'vault.sovcloud-api.fr',
  'vault.sovcloud-api.de',
]
/** 3 to 24 letters, digits and single hyphens, a letter first and no hyphen last ("Azure resource names"). */
const vaultName = /^(?=.{3,24}$)[a-z][a-z0-9]*(-[a-z0-9]+)*$/
const loopbackHosts = ['localhost', '127.0.0.1', '[::1]']

/** Where a vault is. */
export interface VaultAddress {
  /** Without a slash at its end. */
  readonly url: string
  readonly host: string
  /** It is a stand-in for tests on this very machine. */
  readonly isLoopback: boolean
}

/**
 * Only names that are Azure's, or this machine's own, written plainly: the text is matched before any URL parser turns
 * `2130706433`, `127.1` or `localhost@elsewhere` into something else than it seems.
 *
 * @throws StartupError naming KEY_VAULT_URL
 */
export function parseVaultUrl(text: string): VaultAddress {
  const [, authority = '', port] = /^https:\/\/([a-z0-9.-]+|\[::1\])(:\d{1,5})?\/?$/i.exec(text) ?? []
  const host = authority.toLowerCase()
  const isLoopback = loopbackHosts.includes(host) && URL.canParse(text)
  if (!isLoopback && (port !== undefined || !isAzureHost(host))) {
    // The text may hold a password, so it is not quoted.
    throw new StartupError(
      'KEY_VAULT_URL must be the address of a vault, such as https://my-vault.vault.azure.net: https, a name under ' +
        `${cloudSuffixes.join(', ')}, and no user, port, path or query`,
    )
  }
  return { url: `https://${host}${port ?? ''}`, host: `${host}${port ?? ''}`, isLoopback }
}

function isAzureHost(host: string): boolean {
  const [name = ''] = host.split('.', 1)
  return vaultName.test(name) && cloudSuffixes.includes(host.slice(name.length + 1))
}
