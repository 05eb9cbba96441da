/** The wire of an Azure ML web service: what its clients send and what they get back. */
import type { ScoringAnswer, ScoringRequest } from '../engine/hand-over.ts'
import { runFailures, ScoringError } from '../errors.ts'
import { encode } from '../tensor/python-json.ts'
import type { WireRequest, WireResponse } from './wire.ts'

const json = 'application/json'
const html = 'text/html; charset=utf-8'
const runFailed = 'x-ms-run-function-failed'
const execMs = 'x-ms-run-fn-exec-ms'

/** `Healthy`, as the root and a ready service answer. */
export function encodeHealthy(): WireResponse {
  return { status: 200, headers: { 'content-type': html }, body: 'Healthy' }
}

/** An empty 200, as OPTIONS is answered for scripts that do not see requests. */
export function encodeEmpty(headers: Record<string, string>): WireResponse {
  return { status: 200, headers: { 'content-type': html, ...headers }, body: '' }
}

/**
 * @param headers  request ids, and what else goes on every answer of the service
 */
export function encodeAnswer(answer: ScoringAnswer, headers: Record<string, string>): WireResponse {
  if ('code' in answer) return encodeError(new ScoringError(answer.code, answer.message), headers)
  const ms = answer.execMs.toFixed(3)
  if ('json' in answer) {
    return {
      status: 200,
      headers: { 'content-type': json, ...headers, [runFailed]: 'False', [execMs]: ms },
      body: answer.json,
    }
  }
  const failed: Record<string, string> = answer.status >= 500 ? { [runFailed]: 'True' } : {}
  // The service's own headers come last: a script cannot override x-request-id.
  const own = Object.entries({ ...headers, ...failed, [execMs]: ms })
  const names = new Set(own.map(([name]) => name.toLowerCase()))
  const given = answer.headers.filter(([name]) => !names.has(name.toLowerCase())) as [string, string][]
  return { status: answer.status, headers: [...given, ...own], body: answer.body }
}

/** `{"message": …, "code": …}` with the headers that a failure needs. */
export function encodeError(error: ScoringError, headers: Record<string, string>): WireResponse {
  return {
    status: error.status,
    headers: {
      'content-type': json,
      ...headers,
      [runFailed]: runFailures.has(error.code) ? 'True' : 'False',
      ...(error.status === 503 ? { 'retry-after': '1' } : {}),
    },
    body: encode({ message: error.message, code: error.code }),
  }
}

/**
 * Takes a request apart for the engine. A GET's query becomes the JSON object that a POST would carry.
 *
 * @param isWhole  the script sees the request itself
 * @throws ScoringError BODY_TOO_LARGE or BODY_ABORTED
 */
export async function decodeRequest(
  request: WireRequest,
  maxBodyBytes: number,
  isWhole: boolean,
): Promise<ScoringRequest> {
  const { method } = request
  const http = isWhole ? { method, url: request.url, headers: [...request.headers.entries()] } : undefined
  if (method === 'GET' && !isWhole) return { body: encodeQuery(request.query.entries()), contentType: json }
  const body = method === 'GET' || method === 'HEAD' ? new Uint8Array() : await readBody(request, maxBodyBytes)
  return { body, contentType: request.headers.get('content-type') ?? undefined, http }
}

async function readBody(request: WireRequest, maxBodyBytes: number): Promise<Uint8Array> {
  const tooLarge = () =>
    new ScoringError(
      'BODY_TOO_LARGE',
      `The request body is larger than ${maxBodyBytes} bytes; send fewer rows at a time.`,
    )
  if (Number(request.headers.get('content-length')) > maxBodyBytes) throw tooLarge()
  let body: ArrayBuffer
  try {
    body = await request.arrayBuffer()
  } catch (cause) {
    if ((cause as Error).name === 'BodyTooLarge') throw tooLarge()
    throw new ScoringError('BODY_ABORTED', 'The request body ended before it was complete.', { cause })
  }
  if (body.byteLength > maxBodyBytes) throw tooLarge()
  return new Uint8Array(body)
}

/** Each value is read as JSON, else kept as text; a repeated name becomes a list (Azure ML contract, section 4). */
function encodeQuery(entries: Iterable<[string, string]>): Uint8Array {
  const parameters = new Map<string, unknown[]>()
  for (const [name, text] of entries) parameters.set(name, [...(parameters.get(name) ?? []), parseQueryValue(text)])
  const members = [...parameters].map(
    ([name, values]) => `${encode(name)}: ${encode(values.length === 1 ? values[0] : values)}`,
  )
  return new TextEncoder().encode(`{${members.join(', ')}}`)
}

function parseQueryValue(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
