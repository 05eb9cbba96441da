/** The answers of an Azure ML web service. */

import { runFailures, ScoringError } from '../../errors.ts'
import type { InferenceResult } from '../../scheduling/inference-result.ts'
import { encode } from '../../tensor/python-json.ts'
import { retryAfterHeaders } from '../http/failure.ts'
import { noSniff, unstored, type WireResponse } from '../http/wire.ts'

const json = 'application/json'
const html = 'text/html; charset=utf-8'
export const runFailed = 'x-ms-run-function-failed'
const execMs = 'x-ms-run-fn-exec-ms'

/** `Healthy`, as the root and a ready service answer. */
export function encodeHealthy(headers: Record<string, string>): WireResponse {
  return { status: 200, headers: { 'content-type': html, ...noSniff, ...headers }, body: 'Healthy' }
}

/** An empty 200, as the scoring handler of Azure ML's server answers OPTIONS for scripts that do not see requests. */
export function encodeEmptySuccess(headers: Record<string, string>): WireResponse {
  return encodeEmpty({ ...headers, [runFailed]: 'False' })
}

/** An empty 200, as the framework of Azure ML's server answers OPTIONS. */
export function encodeEmpty(headers: Record<string, string>): WireResponse {
  return { status: 200, headers: { 'content-type': html, ...noSniff, ...headers }, body: '' }
}

/**
 * The answer to a scored request, or to one that failed.
 *
 * @param headers  request ids, and what else goes on every answer of the service
 */
export function encodeResponse(result: InferenceResult, headers: Record<string, string>): WireResponse {
  if (result.kind === 'failure') return encodeError(new ScoringError(result.code, result.message, result), headers)
  const ms = result.timings.runMs.toFixed(3)
  if (result.kind === 'encoded') {
    return {
      status: 200,
      headers: { 'content-type': json, ...unstored, ...headers, [runFailed]: 'False', [execMs]: ms },
      body: result.body,
    }
  }
  if (result.kind !== 'response') throw new TypeError(`the azureml codec writes no ${result.kind}`)
  // The service's own headers come last: a script cannot override x-request-id.
  const own = Object.entries({ ...headers, [runFailed]: hasRunFailed(result), [execMs]: ms })
  const names = new Set(own.map(([name]) => name.toLowerCase()))
  for (const list of ['server-timing', 'vary']) names.delete(list) // to which a script may add
  const given = result.headers.filter(([name]) => !names.has(name.toLowerCase())) as [string, string][]
  // A script that says how long its answers hold knows them.
  const isCacheable = given.some(([name]) => name.toLowerCase() === 'cache-control')
  const caching: [string, string][] = isCacheable ? [] : [['cache-control', unstored['cache-control']]]
  return { status: result.status, headers: [...given, ...caching, ...own], body: result.body }
}

/** Like the AMLResponse of Azure ML, which a `Response` stands for: below 500 a script may declare its own answer a failure. */
function hasRunFailed({
  status,
  headers,
}: {
  status: number
  headers: readonly (readonly [string, string])[]
}): string {
  if (status >= 500) return 'True'
  return headers.find(([name]) => name.toLowerCase() === runFailed)?.[1] ?? 'False'
}

/** `{"message": …, "code": …}` with the headers that a failure needs. */
export function encodeError(error: ScoringError, headers: Record<string, string>): WireResponse {
  return {
    errorCode: error.code,
    status: error.status,
    headers: {
      'content-type': json,
      ...unstored,
      ...headers,
      [runFailed]: runFailures.has(error.code) ? 'True' : 'False',
      ...retryAfterHeaders(error),
    },
    body: encode({ message: error.message, code: error.code }),
  }
}
