import { isIP } from 'node:net'
import { ScoringError } from '../../errors.ts'

/**
 * Takes an input's URL apart, if the operator lets jobs read from its host.
 *
 * @param hosts  `SCORING_JOB_INPUT_HOSTS`: whole names, no wildcards. Whoever may name any account of a shared domain such as
 *               `*.blob.core.windows.net` names one of their own, so a wildcard there would allow everything.
 * @returns the URL without its query, and the query (the signature, a secret) with its "?", or ''
 * @throws ScoringError JOB_INPUT_NOT_ALLOWED, which does not repeat the query
 */
export function allowedUrl(url: string, hosts: readonly string[]): { place: { url: string }; signature: string } {
  if (!URL.canParse(url)) throw refused('is not a URL')
  const { protocol, username, password, hostname, port, origin, pathname, search } = new URL(url)
  if (protocol !== 'https:') throw refused('must begin with https://')
  if (username || password) throw refused('must not hold a user name or password')
  if (port) throw refused('must use the default port')
  // The parser has written every spelling of an IPv4 address with dots, and IPv6 in brackets.
  if (isIP(hostname) || hostname.startsWith('[')) throw refused('must name its host, not an IP address')
  if (!hosts.some(host => host.toLowerCase() === hostname)) {
    const allowed = hosts.length > 0 ? `from ${hosts.join(', ')}` : 'from no host outside the app'
    throw refused(`names the host ${hostname}; jobs may read ${allowed} (SCORING_JOB_INPUT_HOSTS)`)
  }
  return { place: { url: origin + pathname }, signature: search }
}

function refused(why: string): ScoringError {
  return new ScoringError('JOB_INPUT_NOT_ALLOWED', `input.url ${why}`)
}
