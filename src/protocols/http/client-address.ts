import type { Caller } from '../../auth/authorizer.ts'
import type { WireRequest } from './wire.ts'

export function readCaller(request: WireRequest): Caller {
  return { clientAddress: () => readClientAddress(request), isDryRun: false }
}

/**
 * Where the request comes from. Azure's front end adds the address it sees, with its port, at the end of
 * `X-Forwarded-For`; all before that is what the client, or a proxy of its choice, has written. Behind Front Door or a
 * gateway of one's own that is the gateway's address: `X-Azure-ClientIP` would say more, but anybody can send it to
 * the app's own host name.
 */
export function readClientAddress({ clientAddress, headers }: WireRequest): string {
  if (clientAddress !== undefined) return clientAddress
  const hops = headers.get('x-forwarded-for') ?? ''
  return hops.slice(hops.lastIndexOf(',') + 1).trim()
}
