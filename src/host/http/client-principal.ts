import type { HttpRequestUser } from '@azure/functions'

/**
 * Reads who is signed in from the headers of App Service and Static Web Apps.
 *
 * @returns null when there is no such header, or it cannot be read
 */
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
  const { identityProvider } = claimsPrincipalData
  const [userId, userDetails, provider] = identityProvider
    ? [claimsPrincipalData.userId, claimsPrincipalData.userDetails, identityProvider]
    : ['id', 'name', 'idp'].map(name => headers.get(`x-ms-client-principal-${name}`))
  return {
    type: identityProvider ? 'StaticWebApps' : 'AppService',
    id: (userId as string | null) ?? '',
    username: (userDetails as string | null) ?? '',
    identityProvider: (provider as string | null) ?? '',
    claimsPrincipalData,
  }
}
