import type { IncomingRequest } from './exchange.ts'

/** For a year browsers open this host, and those below it, over HTTPS only. (RFC 6797) */
const policy = ['strict-transport-security', 'max-age=31536000; includeSubDomains'] as const

/**
 * Adds the policy to the response of a request that came over HTTPS, here or at a proxy before this host. A browser that learned it
 * from `localhost` would open no other program on this machine over HTTP.
 */
export function addTransportSecurity({ socket, headers }: IncomingRequest, fields: string[]): void {
  if (!socket.encrypted && headers['x-forwarded-proto'] !== 'https') return
  if (/^localhost(:|$)/i.test(headers.host ?? '')) return
  if (!fields.some((name, at) => at % 2 === 0 && name.toLowerCase() === policy[0])) fields.push(...policy)
}
