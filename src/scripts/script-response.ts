/**
 * Whether a script answered with a `Response` of fetch. Naming that class makes Node.js load fetch, which takes 20 ms of a cold
 * start, so an answer's tag is compared first.
 */
export function isResponse(answer: unknown): answer is Response {
  const tag = (answer as { [Symbol.toStringTag]?: unknown } | null | undefined)?.[Symbol.toStringTag]
  return tag === 'Response' && answer instanceof Response
}
