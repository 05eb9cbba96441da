/**
 * Decodes the path of a request for the router: drops the query and one trailing slash, resolves `.` and `..`, and decodes
 * percent escapes except `%2F` (a slash inside a segment, which Kestrel leaves as well).
 *
 * @param url  request target: `/path?query`, or a whole URL as proxies send it
 * @returns undefined when an escape is broken
 */
export function decodePath(url: string): string | undefined {
  let path = url
  if (!path.startsWith('/')) path = urlPath(path)
  const end = path.indexOf('?')
  if (end >= 0) path = path.slice(0, end)
  if (path.includes('%')) {
    try {
      path = decodeURIComponent(path.replace(/%(2f)/gi, '%25$1'))
    } catch {
      return undefined
    }
  }
  if (path.includes('/.')) path = resolveDots(path)
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

function urlPath(url: string): string {
  const found = /^[a-z][a-z0-9+.-]*:\/\/[^/?]*(.*)$/is.exec(url)
  return found?.[1]?.startsWith('/') ? found[1] : '/'
}

function resolveDots(path: string): string {
  const resolved: string[] = []
  const segments = path.slice(1).split('/')
  for (const [index, segment] of segments.entries()) {
    const isDots = segment === '.' || segment === '..'
    if (segment === '..') resolved.pop()
    if (!isDots) resolved.push(segment)
    else if (index === segments.length - 1) resolved.push('')
  }
  return `/${resolved.join('/')}`
}
