import { ScoringError } from '../../errors.ts'

/** `image/png` of `Image/PNG; name=x`; empty when there is none. */
export function parseMediaType(contentType: string | undefined): string {
  return contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

export function isJson(contentType: string | undefined): boolean {
  if (contentType === 'application/json') return true
  const mediaType = parseMediaType(contentType)
  return mediaType === 'application/json' || /^application\/.+\+json$/.test(mediaType)
}

/**
 * What clients call JSON, or do not call anything, when nobody ever looked: in Azure ML an undecorated script takes it, and
 * so does a service that is a bare model.
 */
export function isJsonByHabit(contentType: string | undefined): boolean {
  return isJson(contentType) || ['', 'text/plain', 'text/json'].includes(parseMediaType(contentType))
}

/** Longer ones are cut in messages. */
const maxShown = 80

/**
 * The refusal of a body's type. Azure ML's clients know the first words, which are all where nothing but JSON is taken.
 *
 * @param others  what the service takes besides JSON
 */
export function unsupportedMediaType(contentType: string | undefined, others: readonly string[]): ScoringError {
  const expected = 'Expects Content-Type to be application/json'
  if (others.length === 0) return new ScoringError('CONTENT_TYPE_UNSUPPORTED', expected)
  const found = parseMediaType(contentType).slice(0, maxShown)
  const came = found === '' ? 'no Content-Type came' : `${JSON.stringify(found)} came`
  return new ScoringError('CONTENT_TYPE_UNSUPPORTED', `${expected}; ${came}, also taken: ${others.join(', ')}`)
}
