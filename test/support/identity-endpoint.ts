import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Cleaner } from './cleaner.ts'

export interface IdentityEndpoint {
  /** What the platform sets in the environment of an app that has an identity. */
  readonly environment: Readonly<Record<'IDENTITY_ENDPOINT' | 'IDENTITY_HEADER', string>>
  /** Queries of the requests, in order. */
  readonly asked: readonly URLSearchParams[]
}

/**
 * Issues tokens of managed identities as App Service, Functions and Container Apps do. ("How to use managed identities for App Service
 * and Azure Functions", REST endpoint reference)
 *
 * @param issue  makes the token for a resource; undefined: no identity with this client id is assigned
 */
export async function startIdentityEndpoint(
  test: Cleaner,
  issue: (resource: string, clientId: string | null) => string | undefined,
): Promise<IdentityEndpoint> {
  const asked: URLSearchParams[] = []
  const secret = 'secret-of-the-platform'
  const server = createServer((request, response) => {
    const query = new URL(request.url ?? '', 'http://x').searchParams
    asked.push(query)
    const isOurs = request.headers['x-identity-header'] === secret
    const resource = query.get('resource') ?? ''
    const token = isOurs ? issue(resource, query.get('client_id')) : undefined
    response.setHeader('content-type', 'application/json')
    if (token === undefined)
      return response.writeHead(isOurs ? 400 : 401).end(
        JSON.stringify({
          statusCode: 400,
          message: 'Unable to load the proper Managed Identity.',
          correlationId: '0',
        }),
      )
    const expiresOn = String(Math.floor(Date.now() / 1000) + 3600)
    return response.end(JSON.stringify({ access_token: token, expires_on: expiresOn, resource, token_type: 'Bearer' }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  test.onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return {
    asked,
    environment: {
      IDENTITY_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}/msi/token`,
      IDENTITY_HEADER: secret,
    },
  }
}
