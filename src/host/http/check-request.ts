/** `uri-host [":" port]` (RFC 9112, section 3.2; RFC 3986, section 3.2.2). What cannot stand in an address is not in it. */
const hostPattern = /^(\[[0-9a-f:.]+\]|([-\w.~!$&'()*+,;=]|%[0-9a-f]{2})+)(:\d*)?$/i

/** The one that all requests of a client have. */
let knownHost = ''

/** Whether the value of a Host header names a host, or is empty, for addresses that have none. */
export function isHost(value: string): boolean {
  if (value === '' || value === knownHost) return true
  // The grammar takes ports, numbers in addresses and escapes that no address may have.
  if (!hostPattern.test(value) || !URL.canParse(`http://${value}/`)) return false
  knownHost = value
  return true
}

/** @param rawHeaders  name, value, name, value … @returns the values of all Host headers */
export function hostsOf(rawHeaders: readonly string[]): string[] {
  const hosts: string[] = []
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    if (name.length === 4 && name.toLowerCase() === 'host') hosts.push(rawHeaders[at + 1] as string)
  }
  return hosts
}

/**
 * Whether the target of a request is of a form that servers take: a path, the whole address as proxies send it, or `*`
 * for OPTIONS (RFC 9112, section 3.2).
 */
export function isTarget(method: string, target: string): boolean {
  if (target.startsWith('/')) return true
  if (target === '*') return method === 'OPTIONS'
  return /^https?:\/\/[^/?#]/i.test(target) && URL.canParse(target)
}
