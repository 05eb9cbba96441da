/**
 * Whether a script answered with a `Response` of fetch. It is asked of every answer, and Node.js loads fetch, which takes
 * 20 ms of a cold start, as soon as anybody names its classes: only one that says it is one is compared.
 */
export function isResponse(answer: unknown): answer is Response {
  const tag = (answer as { [Symbol.toStringTag]?: unknown } | null | undefined)?.[Symbol.toStringTag]
  return tag === 'Response' && answer instanceof Response
}
