/** One service in this process, with its worker, and without an app around it: no server, keys, storage or settings. */
import { stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { Writable } from 'node:stream'
import { FolderModelStore } from '../adapters/local/folder-model-store.ts'
import { ServiceLoadError } from '../errors.ts'
import type { ScoringService } from '../inference/scoring-service.ts'
import type { ExecutionProvider } from '../models/definition/execution-providers.ts'
import type { LoadReport } from '../models/session/load-report.ts'
import { answerScore } from '../protocols/azureml/score.ts'
import type { WireRequest } from '../protocols/http/wire.ts'
import { LogFormat } from '../telemetry/log.ts'
import { type ReadService, readService, startService } from './open-service.ts'

export interface ServiceAloneOptions {
  /** In place of those in `service.json`. */
  readonly executionProviders?: readonly ExecutionProvider[] | undefined
  /** In place of `limits.timeoutMs` in `service.json`. */
  readonly timeoutMs?: number | undefined
  /** Maximum number of workers; 1 by default. */
  readonly maxThreads?: number | undefined
  /** Receives each line of the log: the output of scripts, failures and their causes. Absent: standard output and error. */
  readonly log?: ((line: string) => void) | undefined
}

/** A service that has loaded. */
export interface ServiceAlone {
  readonly service: ScoringService
  /** What loading found. */
  readonly report: LoadReport
  /**
   * Sends a request to the `score` route of the service, the way HTTP would bring it, without a key.
   *
   * @param query  of the URL, e.g. `?threshold=0.5`
   */
  fetch(init?: RequestInit, query?: string): Promise<Response>
  /** Ends its workers. Requests that are not answered by then get 503. */
  stop(): Promise<void>
}

/**
 * Loads a service, warmed up as in the app.
 *
 * @param folder  that of the service, which holds `service.json`
 * @throws ServiceLoadError with the reason that the log of the app would name
 */
export async function openServiceAlone(folder: string, options: ServiceAloneOptions = {}): Promise<ServiceAlone> {
  const { executionProviders, timeoutMs, maxThreads, log } = options
  const path = resolve(folder)
  const file = await stat(join(path, 'service.json')).catch(() => undefined)
  if (!file) throw new ServiceLoadError(`there is no service.json in ${path} ({} is enough)`)
  const providers = executionProviders && [...executionProviders]
  const read = await readService(new FolderModelStore(dirname(path)), basename(path), providers)
  return loadAlone(withTimeout(read, timeoutMs), { maxThreads, log })
}

/**
 * Loads a service whose files have been read, or that has no files yet.
 *
 * @throws ServiceLoadError
 */
export async function loadAlone(
  read: ReadService,
  { maxThreads = 1, log }: Pick<ServiceAloneOptions, 'maxThreads' | 'log'> = {},
): Promise<ServiceAlone> {
  const service = startService(read, undefined, {
    maxThreads,
    logFormat: new LogFormat({ format: 'text', level: 'debug' }, () => new Date()),
    ...(log && { log, scriptOutput: { out: eachLine(log), error: eachLine(log) } }),
  })
  try {
    const report = await keepAlive(() => service.load())
    return {
      service,
      report,
      fetch: (init, query) => keepAlive(() => fetchScore(service, init, query)),
      stop: () => keepAlive(() => service.stop()),
    }
  } catch (failure) {
    await keepAlive(() => service.stop())
    throw failure
  }
}

function withTimeout(read: ReadService, timeoutMs: number | undefined): ReadService {
  if (timeoutMs === undefined || read.kind === 'unreadable') return read
  const definition = { ...read.definition, limits: { ...read.definition.limits, timeoutMs } }
  return { ...read, definition, spec: { ...read.spec, definition } }
}

async function fetchScore(service: ScoringService, init: RequestInit = {}, query = ''): Promise<Response> {
  const url = new URL(`http://localhost/api/v1/service/${service.name}/score${query}`)
  const request = new Request(url, init)
  const wire: WireRequest = {
    method: request.method,
    url: url.href,
    headers: request.headers,
    query: url.searchParams,
    arrayBuffer: () => request.arrayBuffer(),
    body: request.body as ReadableStream<Uint8Array> | null,
    get isAbandoned() {
      return request.signal.aborted
    },
  }
  const { status, headers, body } = await answerScore(wire, () => service, undefined)
  const isEmpty = status === 204 || status === 205 || status === 304 // which a Response must be told by `null`
  const sent = body instanceof ReadableStream ? ReadableStream.from(keptAlive(body)) : body
  return new Response(isEmpty ? null : (sent as ResponseBody), { status, headers })
}

type ResponseBody = ConstructorParameters<typeof Response>[0]

/** A worker keeps no process alive, so Node.js would end while a test waits for an answer. */
async function keepAlive<T>(work: () => Promise<T>): Promise<T> {
  const timer = holdProcess()
  try {
    return await work()
  } finally {
    clearInterval(timer)
  }
}

async function* keptAlive(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const timer = holdProcess()
  try {
    yield* body
  } finally {
    clearInterval(timer)
  }
}

function holdProcess(): NodeJS.Timeout {
  return setInterval(() => {}, 2 ** 30)
}

/** A stream that takes whole lines. */
function eachLine(log: (line: string) => void): Writable {
  return new Writable({
    decodeStrings: false,
    write: (lines: string, _encoding, done) => {
      for (const line of lines.split('\n').slice(0, -1)) log(line)
      done()
    },
  })
}
