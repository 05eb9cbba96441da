import { decodeJson } from './json.ts'
import { RequestError } from './request-error.ts'

/** Reads what a service, or a proxy before it, says of a request that it has refused. */
export async function readFailure(response: Response, url: string): Promise<RequestError> {
  const { status } = response
  const text = await response.text().catch(() => '')
  const { code, message } = parseObject(text)
  const fallback = `${url} was answered with status ${status}${text && text.length < 300 ? `: ${text}` : ''}`
  const words = typeof message === 'string' ? message : fallback
  return new RequestError(words, { status, code, retryAfter: response.headers.get('retry-after') })
}

function parseObject(text: string): { code?: unknown; message?: unknown } {
  try {
    return Object(decodeJson(text))
  } catch {
    return {}
  }
}

/** What is thrown when `fetch` fails, which says little more than "fetch failed". */
export function unreachable(url: string, cause: unknown): RequestError {
  return new RequestError(`could not reach ${url}${describeCause(cause)}`, {}, { cause })
}

/** Node.js says why in the cause; browsers do not. */
function describeCause(failure: unknown): string {
  const cause = (failure as { cause?: { code?: string; message?: string } }).cause
  if (cause?.code === 'ECONNREFUSED') return ': nothing listens there; start the app with "npx scoring start"'
  return cause?.message ? `: ${cause.message}` : ''
}
