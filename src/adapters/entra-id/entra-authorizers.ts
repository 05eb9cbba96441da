import { SigningKeys } from '../../auth/signing-keys.ts'
import { TokenAuthorizer } from '../../auth/token-authorizer.ts'
import type { TokenAuth } from '../../models/definition/definition.ts'
import { EntraKeySet } from './entra-key-set.ts'

/** Opens services to callers with tokens of Entra ID. Services of one tenant share its keys. */
export class EntraAuthorizers {
  readonly #authority: string
  readonly #keys = new Map<string, SigningKeys>()

  /** @param authority  the issuer of the cloud, e.g. `https://login.microsoftonline.com` */
  constructor(authority: string) {
    this.#authority = authority
  }

  /** Also starts to fetch the tenant's keys, so that the first request finds them. */
  authorizerFor({ audience, role, ...auth }: TokenAuth): TokenAuthorizer {
    const tenantId = auth.tenantId.toLowerCase() // tokens have it in lower case
    const keys = this.#keys.get(tenantId) ?? this.#findKeys(tenantId)
    const trust = { tenantId, issuers: listIssuers(this.#authority, tenantId), audiences: [audience].flat(), role }
    return new TokenAuthorizer({ trust, keys, now: Date.now })
  }

  #findKeys(tenantId: string): SigningKeys {
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

/** @returns the issuers of a tenant in tokens of version 2.0 and 1.0; 1.0 has one for all clouds but China's */
function listIssuers(authority: string, tenantId: string): string[] {
  const older = authority.endsWith('.cn') ? 'https://sts.chinacloudapi.cn' : 'https://sts.windows.net'
  return [`${authority}/${tenantId}/v2.0`, `${older}/${tenantId}/`]
}
