import type { Caller } from '../../auth/authorizer.ts'
import type { RequestOrigin } from './wire.ts'

export function readCaller(request: RequestOrigin): Caller {
  return { clientAddress: () => readClientAddress(request), isDryRun: false }
}

/**
 * Returns the address of the client. Azure's front end appends the address that it sees, with its port, to `X-Forwarded-For`;
 * anything before it was written by the client or its proxies. Behind Front Door or a gateway this is the gateway's address:
 * `X-Azure-ClientIP` would be more precise, but any client can send it to the app's own host name.
 */
export function readClientAddress({ clientAddress, headers }: RequestOrigin): string {
  if (clientAddress !== undefined) return clientAddress
  const hops = headers.get('x-forwarded-for') ?? ''
  return hops.slice(hops.lastIndexOf(',') + 1).trim()
}
