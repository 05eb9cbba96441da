/** The wire of an Azure ML web service: what its clients send and what they get back. */

import { runFailures, ScoringError } from '../../errors.ts'
import type { ScriptKind } from '../../models/session/load-report.ts'
import type { InferenceRequest, TensorLayout } from '../../scheduling/inference-request.ts'
import type { InferenceResult } from '../../scheduling/inference-result.ts'
import { encode } from '../../tensor/python-json.ts'
import { isJson } from '../http/media-type.ts'
import { type BodyAccount, readBody } from '../http/read-body.ts'
import { noSniff, type WireRequest, type WireResponse } from '../http/wire.ts'
import { encodeQuery } from './query.ts'

const json = 'application/json'
const html = 'text/html; charset=utf-8'
const runFailed = 'x-ms-run-function-failed'
const execMs = 'x-ms-run-fn-exec-ms'

/** `Healthy`, as the root and a ready service answer. */
export function encodeHealthy(headers: Record<string, string>): WireResponse {
  return { status: 200, headers: { 'content-type': html, ...noSniff, ...headers }, body: 'Healthy' }
}

/** An empty 200, as the original's scoring handler answers OPTIONS for scripts that do not see requests. */
export function encodeUncalled(headers: Record<string, string>): WireResponse {
  return encodeEmpty({ ...headers, [runFailed]: 'False' })
}

/** An empty 200, as the original's framework answers OPTIONS. */
export function encodeEmpty(headers: Record<string, string>): WireResponse {
  return { status: 200, headers: { 'content-type': html, ...noSniff, ...headers }, body: '' }
}

/**
 * @param headers  request ids, and what else goes on every answer of the service
 */
export function encodeAnswer(answer: InferenceResult, headers: Record<string, string>): WireResponse {
  if (answer.kind === 'failure') return encodeError(new ScoringError(answer.code, answer.message, answer), headers)
  const ms = answer.timings.runMs.toFixed(3)
  if (answer.kind === 'encoded') {
    return {
      status: 200,
      headers: { 'content-type': json, ...noSniff, ...headers, [runFailed]: 'False', [execMs]: ms },
      body: answer.body,
    }
  }
  // The service's own headers come last: a script cannot override x-request-id.
  const own = Object.entries({ ...headers, [runFailed]: runFailedOf(answer), [execMs]: ms })
  const names = new Set(own.map(([name]) => name.toLowerCase()))
  for (const list of ['server-timing', 'vary']) names.delete(list) // to which a script may add
  const given = answer.headers.filter(([name]) => !names.has(name.toLowerCase())) as [string, string][]
  return { status: answer.status, headers: [...given, ...own], body: answer.body }
}

/** As the original's AMLResponse says it, which a `Response` stands for: below 500 a script may call its own answer a failure. */
function runFailedOf({ status, headers }: { status: number; headers: readonly (readonly [string, string])[] }): string {
  if (status >= 500) return 'True'
  return headers.find(([name]) => name.toLowerCase() === runFailed)?.[1] ?? 'False'
}

/** `{"message": …, "code": …}` with the headers that a failure needs. */
export function encodeError(error: ScoringError, headers: Record<string, string>): WireResponse {
  const retryAfter = error.retryAfterSeconds ?? (error.status === 503 ? 1 : undefined)
  return {
    errorCode: error.code,
    status: error.status,
    headers: {
      'content-type': json,
      ...noSniff,
      ...headers,
      [runFailed]: runFailures.has(error.code) ? 'True' : 'False',
      ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
    },
    body: encode({ message: error.message, code: error.code }),
  }
}

/**
 * Takes a request apart for the engine. A GET's query becomes the JSON object that a POST would carry.
 *
 * @throws ScoringError as `readBody` does
 */
export async function decodeRequest(
  request: WireRequest,
  maxBodyBytes: number,
  kind: ScriptKind,
  takesHeaders: boolean,
  account: BodyAccount,
): Promise<InferenceRequest> {
  const { method, headers, url } = request
  const contentType = headers.get('content-type') ?? undefined
  const hasBody = method !== 'GET' && method !== 'HEAD'
  if (kind === 'rawHttp') {
    const http = { method, url, headers: headersForScripts(headers) }
    return {
      body: hasBody ? await readBody(request, maxBodyBytes, account) : new Uint8Array(),
      contentType,
      details: { http },
    }
  }
  const details = takesHeaders ? { headers: headersForScripts(headers) } : undefined
  if (!hasBody) return { body: encodeQuery(url), contentType: json, details }
  const body = await readBody(request, maxBodyBytes, account)
  if (kind === 'typed' && !isJson(contentType)) {
    const layout = layoutOf(request)
    return { body, contentType, details: layout ? { ...details, layout } : details }
  }
  return { body: kind === 'raw' && isForm(contentType) ? new Uint8Array() : body, contentType, details }
}

/**
 * The original's framework takes a form apart before an undecorated script sees it, and leaves that an empty text; a
 * multipart form without a boundary it does not recognise (contract, section 4 and addendum 1).
 */
function isForm(contentType: string | undefined): boolean {
  return /^\s*(application\/x-www-form-urlencoded|multipart\/form-data\s*;.*boundary=)/i.test(contentType ?? '')
}

/** How a body of bare elements lies, as header or query say it; what it means is found where the input is known. */
function layoutOf({ headers, query }: WireRequest): TensorLayout | undefined {
  const entries = new Map(query.entries())
  const shape = headers.get('x-tensor-shape') ?? entries.get('shape')
  const dtype = headers.get('x-tensor-dtype') ?? entries.get('dtype')
  return shape === undefined && dtype === undefined ? undefined : { shape, dtype }
}

/** The key is checked already, and the body is unpacked. */
const notForScripts = new Set(['authorization', 'content-encoding'])

/** Names with `_` do not get through the original's front (contract, addendum 11). */
function headersForScripts(headers: WireRequest['headers']): [string, string][] {
  return [...headers.entries()].filter(([name]) => !notForScripts.has(name.toLowerCase()) && !name.includes('_'))
}
