/** `scoring-functions/testing`: scores a service from a test, in the process of the test. */
import { basename, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openServiceAlone, type ServiceAlone } from '../compose/service-alone.ts'
import { ServiceLoadError } from '../errors.ts'
import type { ProviderName } from '../models/definition/execution-providers.ts'
import type { TensorInfo } from '../models/session/model-session.ts'
import { isJson } from '../scripts/media-type.ts'
import { parseJson } from '../tensor/json-source.ts'
import { RequestError } from './request-error.ts'

export type { TensorInfo } from '../models/session/model-session.ts'
export { RequestError } from './request-error.ts'

/** All of it may be left out. */
export interface LoadOptions {
  /** Execution providers in order of preference, in place of those in `service.json`, e.g. `['cpu']` where there is no GPU. */
  readonly executionProviders?: readonly ProviderName[]
  /** Time limit of a request in milliseconds, in place of `limits.timeoutMs` in `service.json`. */
  readonly timeoutMs?: number
  /** Receives what scripts print and why requests fail, line by line. By default the lines go to standard output and error. */
  readonly log?: (line: string) => void
}

/** How a body is sent. */
export interface ScoreOptions {
  /** Content type of a body that is text or bytes; `application/json` for everything else. */
  readonly contentType?: string
  /** Request headers, for scripts that read them. */
  readonly headers?: Readonly<Record<string, string>>
}

/** A service that is loaded, in a worker thread of this process. */
export interface LoadedService extends AsyncDisposable {
  readonly name: string
  /** The inputs that the model or the script takes. */
  readonly inputs: readonly TensorInfo[]
  /** The outputs, as far as they are known. */
  readonly outputs: readonly TensorInfo[]
  /** Execution providers that the models run on, e.g. `cpu`. */
  readonly executionProvider: string
  /** What the log of the app would note about the service, e.g. why micro-batching is off. */
  readonly notes: readonly string[]
  /**
   * Scores a body the way the app does, without HTTP and keys. Calls at the same time may share a run, as in the app.
   *
   * @param body  a value that is sent as JSON; text and bytes are sent as they are
   * @returns the answer: parsed if it is JSON (NaN and infinities included), else text or bytes, by its content type
   * @throws RequestError with the status, code and message that a caller would get
   */
  score<Answer = unknown>(body: unknown, options?: ScoreOptions): Promise<Answer>
  /**
   * Sends any request to the `score` route of the service and returns the HTTP answer, whatever its status is: for scripts that
   * take the whole request, and for tests of statuses and headers.
   *
   * @param query  of the URL, e.g. `?threshold=0.5`
   */
  fetch(init?: RequestInit, query?: string): Promise<Response>
  /** Ends the worker thread. Requests in progress fail with 503. `await using` calls it at the end of the block. */
  stop(): Promise<void>
}

/**
 * Loads a service in a worker thread of this process, warmed up as in the app.
 *
 * @param folder  that of the service, e.g. `models/churn`, from the working directory; or a file URL
 * @throws Error that says what the owner of the service has to fix
 */
export async function loadService(folder: string | URL, options: LoadOptions = {}): Promise<LoadedService> {
  const path = typeof folder === 'string' ? folder : fileURLToPath(folder)
  const alone = await open(path, options)
  const { report } = alone
  return {
    name: alone.service.name,
    inputs: report.inputs,
    outputs: report.outputs,
    executionProvider: report.executionProvider,
    notes: report.notes,
    score: <Answer>(body: unknown, how?: ScoreOptions) => score(alone, body, how) as Promise<Answer>,
    fetch: alone.fetch,
    stop: alone.stop,
    [Symbol.asyncDispose]: alone.stop,
  }
}

async function open(path: string, options: LoadOptions): Promise<ServiceAlone> {
  try {
    return await openServiceAlone(path, options)
  } catch (failure) {
    if (!(failure instanceof ServiceLoadError)) throw failure
    // The line that the log of the app would have.
    throw new ServiceLoadError(`[${basename(resolve(path))}] not available: ${failure.message}`, failure)
  }
}

async function score({ fetch }: ServiceAlone, body: unknown, options: ScoreOptions = {}): Promise<unknown> {
  const isBytes = ArrayBuffer.isView(body) || body instanceof ArrayBuffer
  const headers = new Headers(options.headers)
  const contentType = options.contentType ?? (isBytes ? undefined : 'application/json')
  if (contentType !== undefined) headers.set('content-type', contentType)
  const sent = isBytes || typeof body === 'string' ? (body as NonNullable<RequestInit['body']>) : JSON.stringify(body)
  const response = await fetch({ method: 'POST', headers, body: sent })
  const answer = await readAnswer(response)
  if (response.status >= 400) throw new RequestError(response.status, answer)
  return answer
}

async function readAnswer(response: Response): Promise<unknown> {
  const contentType = response.headers.get('content-type') ?? ''
  if (isJson(contentType)) return parseJson(await response.text(), false).value
  if (contentType.startsWith('text/')) return response.text()
  return response.bytes()
}
