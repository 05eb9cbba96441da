import { isIP } from 'node:net'
import { ScoringError } from '../../errors.ts'

/**
 * Checks that jobs may read from the host of a URL, and splits its query off.
 *
 * @param hosts  `SCORING_JOB_INPUT_HOSTS`: whole names, no wildcards. Anyone can create an account below a shared domain such as
 *               `*.blob.core.windows.net`, so a wildcard there would allow every blob of Azure.
 * @returns the URL without its query, and the query (a signature, which is a secret) with its "?", or ''
 * @throws ScoringError JOB_INPUT_NOT_ALLOWED, which does not repeat the query
 */
export function allowedUrl(url: string, hosts: readonly string[]): { bareUrl: string; signature: string } {
  if (!URL.canParse(url)) throw refused('is not a URL')
  const { protocol, username, password, hostname, port, origin, pathname, search } = new URL(url)
  if (protocol !== 'https:') throw refused('must begin with https://')
  if (username || password) throw refused('must not contain a user name or password')
  if (port) throw refused('must use the default port')
  // The parser normalises every spelling of an IPv4 address to dots, and writes IPv6 in brackets.
  if (isIP(hostname) || hostname.startsWith('[')) throw refused('must name its host, not an IP address')
  if (!hosts.some(host => host.toLowerCase() === hostname)) {
    const allowed = hosts.length > 0 ? `from ${hosts.join(', ')}` : 'from no host outside the app'
    throw refused(`names the host ${hostname}; jobs may read ${allowed} (SCORING_JOB_INPUT_HOSTS)`)
  }
  return { bareUrl: origin + pathname, signature: search }
}

function refused(why: string): ScoringError {
  return new ScoringError('JOB_INPUT_NOT_ALLOWED', `input.url ${why}`)
}
