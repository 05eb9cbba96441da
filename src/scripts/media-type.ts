import { ScoringError } from '../errors.ts'

/** Returns `image/png` for `Image/PNG; name=x`, and an empty text if there is no content type. */
export function parseMediaType(contentType: string | undefined): string {
  return contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

export function isJson(contentType: string | undefined): boolean {
  if (contentType === 'application/json') return true
  const mediaType = parseMediaType(contentType)
  return mediaType === 'application/json' || /^application\/.+\+json$/.test(mediaType)
}

/**
 * Whether it is a content type that clients commonly send with JSON. Undecorated scripts in Azure ML accept these, and so do
 * services without a script.
 */
export function isJsonByHabit(contentType: string | undefined): boolean {
  return isJson(contentType) || ['', 'text/plain', 'text/json'].includes(parseMediaType(contentType))
}

/** Longer media types are shortened in messages. */
const maxShown = 80

/**
 * Returns the error for an unsupported content type. It begins with Azure ML's message, which is all of it if only JSON is
 * accepted.
 *
 * @param others  media types that the service accepts besides JSON
 */
export function unsupportedMediaType(contentType: string | undefined, others: readonly string[]): ScoringError {
  const expected = 'Expects Content-Type to be application/json'
  if (others.length === 0) return new ScoringError('CONTENT_TYPE_UNSUPPORTED', expected)
  const found = parseMediaType(contentType).slice(0, maxShown)
  const received = found === '' ? 'received none' : `received ${JSON.stringify(found)}`
  return new ScoringError('CONTENT_TYPE_UNSUPPORTED', `${expected}; ${received}. Also accepted: ${others.join(', ')}`)
}
