import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Cleaner } from './cleaner.ts'

/**
 * The endpoint from which programs in App Service and Azure Functions get tokens of their identity ("How to use managed identities for
 * App Service and Azure Functions", REST endpoint reference).
 *
 * @param issue  makes a token for a resource
 * @returns environment variables that point a program at it
 */
export async function startManagedIdentity(
  test: Cleaner,
  issue: (resource: string) => { readonly token: string; readonly expiresOn: number },
): Promise<Record<string, string>> {
  const secret = 'header-of-this-machine'
  const server = createServer((request, response) => {
    const resource = new URL(request.url ?? '', 'http://localhost').searchParams.get('resource')
    if (request.headers['x-identity-header'] !== secret || resource === null) return response.writeHead(400).end('{}')
    const { token, expiresOn } = issue(resource)
    const answer = { access_token: token, expires_on: String(expiresOn), resource, token_type: 'Bearer' }
    return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  })
  test.onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  return { IDENTITY_ENDPOINT: `http://127.0.0.1:${port}/msi/token`, IDENTITY_HEADER: secret }
}
