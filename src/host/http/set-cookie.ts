import type { Cookie } from '@azure/functions'

const name = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const attribute = /^[\u0020-\u003a\u003c-\u007e]*$/

/**
 * Encodes a `Set-Cookie` header (RFC 6265, section 4.1.1); the value is percent-encoded, as in the library.
 *
 * @throws TypeError when a part has a character that would end it
 */
export function encodeSetCookie(cookie: Cookie): string {
  if (!name.test(cookie.name)) throw new TypeError('cookie: the name is not a token')
  const parts = [`${cookie.name}=${encodeURIComponent(cookie.value)}`]
  if (cookie.maxAge !== undefined && cookie.maxAge !== null) parts.push(`Max-Age=${Math.floor(Number(cookie.maxAge))}`)
  if (cookie.domain) parts.push(`Domain=${checked('domain', cookie.domain)}`)
  if (cookie.path) parts.push(`Path=${checked('path', cookie.path)}`)
  if (cookie.expires !== undefined && cookie.expires !== null) {
    const expires = new Date(cookie.expires)
    if (Number.isNaN(expires.getTime())) throw new TypeError('cookie: expires is not a date')
    parts.push(`Expires=${expires.toUTCString()}`)
  }
  if (cookie.httpOnly) parts.push('HttpOnly')
  if (cookie.secure) parts.push('Secure')
  if (cookie.sameSite) parts.push(`SameSite=${cookie.sameSite}`)
  return parts.join('; ')
}

function checked(part: string, text: string): string {
  if (!attribute.test(text)) throw new TypeError(`cookie: the ${part} has a character that is not allowed`)
  return text
}
