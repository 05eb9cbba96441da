import type { WireRequest } from './wire.ts'

/** The member `cors` of `service.json`. */
interface CorsPolicy {
  readonly origins: readonly string[]
  readonly credentials: boolean
}

const usualMethods = ['GET', 'POST']

/**
 * Returns the CORS headers of an answer, like Azure ML's server (guide/contract.md): a listed origin is
 * echoed, an unlisted origin gets no header but is served; without an `Origin` the first configured origin is named.
 *
 * @param methods  methods that pages of other origins may use; default: Azure ML's
 */
export function corsHeaders(
  { origins, credentials }: CorsPolicy,
  request: Pick<WireRequest, 'method' | 'headers'>,
  methods: readonly string[] = usualMethods,
): Record<string, string> {
  if (origins.length === 0) return {}
  const origin = request.headers.get('origin')
  const isAny = origins.includes('*')
  const allowed = origin === null ? named(origins, isAny) : isAny || isListed(origins, origin) ? origin : undefined
  if (allowed === undefined) return { vary: 'Origin' } // a cache must not return this answer to a listed page
  const isVarying = allowed !== '*' && (origins.length > 1 || isAny)
  return {
    'access-control-allow-origin': allowed,
    ...(credentials && allowed !== '*' ? { 'access-control-allow-credentials': 'true' } : {}),
    ...(isVarying ? { vary: 'Origin' } : {}),
    ...(request.method === 'OPTIONS' ? preflightHeaders(request.headers, methods) : {}),
  }
}

/** Headers that tell of an answer, and that pages of other origins could not read by themselves. */
const telling = /^(x-(ms|request|scoring)-|azureml-|inference-header-|retry-after$)/i

/**
 * Lets pages of other origins read the headers of an answer that CORS allows them (Fetch standard, "CORS-safelisted
 * response-header name"). Azure ML's server shows them none.
 */
export function exposeHeaders(headers: Record<string, string>): void {
  if (!('access-control-allow-origin' in headers)) return
  const names = Object.keys(headers).filter(name => telling.test(name))
  if (names.length > 0) headers['access-control-expose-headers'] = names.join(', ')
}

/** Whether a browser asks, without a key, if a page of another origin may call a service. */
export function isPreflight(
  { origins }: CorsPolicy,
  { method, headers }: Pick<WireRequest, 'method' | 'headers'>,
): boolean {
  return method === 'OPTIONS' && origins.length > 0 && headers.get('access-control-request-method') !== null
}

function named(origins: readonly string[], isAny: boolean): string | undefined {
  return isAny ? '*' : [...origins].sort()[0]
}

/** Compares without case, like Azure ML. */
function isListed(origins: readonly string[], origin: string): boolean {
  return origins.some(listed => listed.toLowerCase() === origin.toLowerCase())
}

/** Returns the preflight headers if the browser asks for an allowed method. */
function preflightHeaders(headers: WireRequest['headers'], methods: readonly string[]): Record<string, string> {
  const method = headers.get('access-control-request-method')?.toUpperCase()
  if (method === undefined || !methods.includes(method)) return {}
  const requested = headers.get('access-control-request-headers')
  return {
    'access-control-allow-methods': methods.join(', '),
    ...(requested === null ? {} : { 'access-control-allow-headers': requested }),
  }
}
