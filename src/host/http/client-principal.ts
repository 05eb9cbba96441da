import type { HttpRequestUser } from '@azure/functions'

/** Who is signed in, as App Service and Static Web Apps tell it in headers; null when nobody is, or it cannot be read. */
export function readClientPrincipal(headers: { get(name: string): string | null }): HttpRequestUser | null {
  const encoded = headers.get('x-ms-client-principal')
  if (!encoded) return null
  let claims: unknown
  try {
    claims = JSON.parse(Buffer.from(encoded, 'base64').toString('utf8'))
  } catch {
    return null
  }
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) return null
  const claimsPrincipalData = claims as Record<string, unknown>
  if (claimsPrincipalData.identityProvider) {
    const { userId, userDetails, identityProvider } = claimsPrincipalData as Record<string, string>
    return user('StaticWebApps', userId, userDetails, identityProvider, claimsPrincipalData)
  }
  const [id, name, provider] = ['id', 'name', 'idp'].map(each => headers.get(`x-ms-client-principal-${each}`))
  return user('AppService', id, name, provider, claimsPrincipalData)
}

function user(
  type: HttpRequestUser['type'],
  id: string | null | undefined,
  username: string | null | undefined,
  identityProvider: string | null | undefined,
  claimsPrincipalData: Record<string, unknown>,
): HttpRequestUser {
  return { type, id: id ?? '', username: username ?? '', identityProvider: identityProvider ?? '', claimsPrincipalData }
}
