/** The members of a failed call's error that are read; the SDK's errors have some of them. */
interface Failure {
  readonly name?: unknown
  readonly message?: unknown
  readonly code?: unknown
  readonly statusCode?: unknown
  readonly details?: { readonly error?: { readonly innerError?: { readonly code?: unknown } } }
}

/** Whether the vault itself (not a proxy's 404) says that the secret is absent or its newest version is disabled. */
export function isAbsence(failure: unknown): boolean {
  const { statusCode, code } = failure as Failure
  if (statusCode === 404) return typeof code === 'string'
  return statusCode === 403 && innerCode(failure as Failure) === 'SecretDisabled'
}

/**
 * Describes why a call failed. Uses only numbers and names, because errors of the SDK may quote the response and hold the
 * request with its token.
 *
 * @param role  the role that the app's identity needs on the vault
 * @returns a `code` such as `timeout`, `ECONNRESET` or `status-403`, and a reason for people
 */
export function describeFailure(failure: unknown, role: string, signal: AbortSignal): { code: string; reason: string } {
  if (signal.aborted) return { code: 'timeout', reason: 'no answer within the timeout' }
  const known = (failure ?? {}) as Failure
  const codes = [known.code, innerCode(known)].filter(isName)
  const { statusCode } = known
  if (typeof statusCode !== 'number') {
    const code = codes[0] ?? errorName(known)
    return { code, reason: `${code}${hintFor(known)}` }
  }
  const status = [`status ${statusCode}`, ...codes].join(', ')
  const code = `status-${statusCode}`
  if (statusCode === 401) return { code, reason: `${status}: the vault rejects the token of this identity` }
  if (statusCode !== 403) return { code, reason: status }
  return {
    code,
    reason: `${status}: the identity needs the role "${role}" on the vault, and the vault's firewall must let the app through`,
  }
}

/** Names of `@azure/identity`'s errors say that no token was issued; Entra ID's numbers say why. */
function hintFor({ name, message }: Failure): string {
  const text = String(message)
  const entra = /\bAADSTS\d+\b/.exec(text)?.[0]
  if (/Credential|Authentication/.test(String(name))) return `: no token for this identity${entra ? ` (${entra})` : ''}`
  return text.startsWith('The challenge') ? ': the vault requests a token for another resource' : ''
}

function innerCode({ details }: Failure): unknown {
  return details?.error?.innerError?.code
}

function errorName({ name }: Failure): string {
  return isName(name) ? name : 'Error'
}

/** Whether it is a code such as `SecretNotFound` or `ECONNRESET`; no key looks like one. */
function isName(code: unknown): code is string {
  return typeof code === 'string' && /^([A-Za-z]{2,40}|[A-Z][A-Z0-9_]{1,60})$/.test(code)
}
