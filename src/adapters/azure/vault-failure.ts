/** What is known of a failed call, of the SDK's errors or of another kind. */
interface Failure {
  readonly name?: unknown
  readonly message?: unknown
  readonly code?: unknown
  readonly statusCode?: unknown
  readonly details?: { readonly error?: { readonly innerError?: { readonly code?: unknown } } }
}

/** The secret is not there, or its newest version is disabled; said by the vault itself, not by some proxy's 404. */
export function isAbsence(failure: unknown): boolean {
  const { statusCode, code } = failure as Failure
  if (statusCode === 404) return typeof code === 'string'
  return statusCode === 403 && innerCode(failure as Failure) === 'SecretDisabled'
}

/**
 * Why a call failed: only numbers and names, because an answer or an error of the SDK may quote whatever the other side
 * wrote, and the request in it holds the token.
 *
 * @param role  what the caller's identity must have on the vault
 * @returns `code` such as `timeout`, `ECONNRESET` or `status-403`, and the reason for people
 */
export function describeFailure(failure: unknown, role: string, signal: AbortSignal): { code: string; reason: string } {
  if (signal.aborted) return { code: 'timeout', reason: 'no answer in time' }
  const known = (failure ?? {}) as Failure
  const codes = [known.code, innerCode(known)].filter(isName)
  const { statusCode } = known
  if (typeof statusCode !== 'number') {
    const code = codes[0] ?? errorName(known)
    return { code, reason: `${code}${hintFor(known)}` }
  }
  const status = [`status ${statusCode}`, ...codes].join(', ')
  const code = `status-${statusCode}`
  if (statusCode === 401) return { code, reason: `${status}: the vault does not take the token of this identity` }
  if (statusCode !== 403) return { code, reason: status }
  return {
    code,
    reason: `${status}: the identity needs the role "${role}" on the vault, and a way through its firewall`,
  }
}

/** Errors of `@azure/identity` tell by their name that no token could be had, and Entra ID's by a number why. */
function hintFor({ name, message }: Failure): string {
  const text = String(message)
  const entra = /\bAADSTS\d+\b/.exec(text)?.[0]
  if (/Credential|Authentication/.test(String(name))) return `: no token for this identity${entra ? ` (${entra})` : ''}`
  return text.startsWith('The challenge') ? ': the vault asks for a token of another resource' : ''
}

function innerCode({ details }: Failure): unknown {
  return details?.error?.innerError?.code
}

function errorName({ name }: Failure): string {
  return isName(name) ? name : 'Error'
}

/** A code as vaults and systems have them, such as `SecretNotFound` or `ECONNRESET`; a key does not look like one. */
function isName(code: unknown): code is string {
  return typeof code === 'string' && /^([A-Za-z]{2,40}|[A-Z][A-Z0-9_]{1,60})$/.test(code)
}
