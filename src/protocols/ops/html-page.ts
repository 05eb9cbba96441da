/** What the HTML pages of the app have in common. */
import { noSniff } from '../http/wire.ts'

/** The icon of the pages; without one, browsers request it from the server. */
export const icon =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E" +
  "%3Crect width='16' height='16' rx='4' fill='%230b6bcb'/%3E" +
  "%3Cpath d='M3 11.5 6.5 7l2.5 2.5L13 4.5' fill='none' stroke='white' stroke-width='1.8'/%3E%3C/svg%3E"

/** Allows scripts and styles from our own files and connections to the page's origin; forbids framing. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:", // Swagger UI's own pictures, and pictures in answers
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Headers of pages and of the files that they load. */
export const guards = { ...noSniff, 'referrer-policy': 'no-referrer' }

export const pageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': contentSecurityPolicy,
  'cache-control': 'no-cache',
  ...guards,
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
}

/** Whether the client names HTML among what it accepts, as browsers do when they open a page. A type with `*` does not count. */
export function acceptsHtml(accept: string | null): boolean {
  return (accept ?? '').split(',').some(range => {
    const [type = '', ...parameters] = range.split(';').map(part => part.trim().toLowerCase())
    return type === 'text/html' && !parameters.some(parameter => /^q=0(\.0*)?$/.test(parameter))
  })
}
