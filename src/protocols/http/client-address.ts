import type { Caller } from '../../auth/authorizer.ts'
import { clientNetwork } from '../../auth/wrong-key-limit.ts'
import type { RequestOrigin } from './wire.ts'

export function readCaller(request: RequestOrigin): Caller {
  return { clientAddress: trustedProxies => readClientAddress(request, trustedProxies), isDryRun: false }
}

/**
 * Returns the address of the client. Each proxy appends the address that it sees to `X-Forwarded-For`, so that the entries are
 * trusted from the end, as many as there are proxies of ours; anything before them was written by the client or its own proxies.
 *
 * Azure's front end is no such proxy: Functions do not tell the connection, and the entry that it appends, with a port, takes its
 * place. Behind Front Door that is Front Door's address; `X-Azure-ClientIP` is no help, as any client can send it to the app's own
 * host name.
 *
 * @param trustedProxies  between clients and the connection; 0: the address of the connection
 * @returns that of the connection, too, where the list is shorter or its entry is no address; empty when unknown
 */
export function readClientAddress({ clientAddress, headers }: RequestOrigin, trustedProxies: number): string {
  if (clientAddress !== undefined && trustedProxies === 0) return clientAddress
  const forwarded = (headers.get('x-forwarded-for') ?? '').split(',').map(entry => entry.trim())
  const hops = clientAddress === undefined ? forwarded : [...forwarded, clientAddress]
  const connection = hops.at(-1) ?? ''
  const client = hops.at(-1 - trustedProxies) ?? connection
  return clientNetwork(client) === '' ? connection : client
}
