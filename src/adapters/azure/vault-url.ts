import { StartupError } from '../../errors.ts'

/** Suffixes of Azure's clouds: public, China, US Government, Bleu (France), Delos (Germany). */
const cloudSuffixes = [
  'vault.azure.net',
  'vault.azure.cn',
  'vault.usgovcloudapi.net',
  'vault.sovcloud-api.fr',
  'vault.sovcloud-api.de',
]
/** Names have 3 to 24 letters, digits and single hyphens, begin with a letter and do not end with a hyphen ("Azure resource names"). */
const vaultName = /^(?=.{3,24}$)[a-z][a-z0-9]*(-[a-z0-9]+)*$/
const loopbackHosts = ['localhost', '127.0.0.1', '[::1]']

/** The address of a vault. */
export interface VaultAddress {
  /** URL without a trailing slash. */
  readonly url: string
  readonly host: string
  /** Whether it is a test double on this machine. */
  readonly isLoopback: boolean
}

/**
 * Accepts only Azure's host names, and this machine's. The text is matched before a URL parser could rewrite
 * `2130706433`, `127.1` or `localhost@elsewhere`.
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
      'KEY_VAULT_URL must be the address of a vault, such as https://my-vault.vault.azure.net: https, a host under ' +
        `${cloudSuffixes.join(', ')}, and no user, port, path or query`,
    )
  }
  return { url: `https://${host}${port ?? ''}`, host: `${host}${port ?? ''}`, isLoopback }
}

function isAzureHost(host: string): boolean {
  const [name = ''] = host.split('.', 1)
  return vaultName.test(name) && cloudSuffixes.includes(host.slice(name.length + 1))
}
