import { SigningKeys } from '../../auth/signing-keys.ts'
import { TokenAuthorizer } from '../../auth/token-authorizer.ts'
import type { TokenAuth } from '../../models/definition/auth.ts'
import { EntraKeySet } from './entra-key-set.ts'

/** Creates authorizers for tokens of Entra ID. Services of one tenant share its signing keys. */
export class EntraAuthorizers {
  readonly #authority: string
  readonly #keys = new Map<string, SigningKeys>()

  /** @param authority  URL of the cloud's authority, e.g. `https://login.microsoftonline.com` */
  constructor(authority: string) {
    this.#authority = authority
  }

  /** Starts fetching the tenant's keys, so that the first request finds them. */
  authorizerFor({ audience, role, ...auth }: TokenAuth): TokenAuthorizer {
    const tenantId = auth.tenantId.toLowerCase() // as in tokens
    const keys = this.#keys.get(tenantId) ?? this.#openKeys(tenantId)
    const trust = { tenantId, issuers: tenantIssuers(this.#authority, tenantId), audiences: [audience].flat(), role }
    return new TokenAuthorizer({ trust, keys, now: Date.now })
  }

  #openKeys(tenantId: string): SigningKeys {
    const keys = new SigningKeys({
      source: new EntraKeySet(this.#authority, tenantId),
      log: line => console.error(line),
      elapsed: () => performance.now(),
    })
    this.#keys.set(tenantId, keys)
    void keys.renew()
    return keys
  }
}

/** Returns the issuers that tokens of version 2.0 and 1.0 name; 1.0 has one for all clouds but China's. */
function tenantIssuers(authority: string, tenantId: string): string[] {
  const older = authority.endsWith('.cn') ? 'https://sts.chinacloudapi.cn' : 'https://sts.windows.net'
  return [`${authority}/${tenantId}/v2.0`, `${older}/${tenantId}/`]
}
