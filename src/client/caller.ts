/** Sends the requests of one service: with its credential, a deadline, and what is worth a second try. */
import type { Credential } from './credential.ts'
import { readFailure, unreachable } from './read-failure.ts'
import { RequestError } from './request-error.ts'
import { wait } from './wait.ts'

/** Limits of a call. */
export interface CallOptions {
  /** Ends the call. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds for the request with its retries and the whole answer (100,000). */
  readonly timeoutMs?: number | undefined
  /** How often a request is sent again that the service put off with `Retry-After` (3). */
  readonly maxRetries?: number | undefined
}

/** A request to a route of a service. */
export interface ServiceRequest {
  readonly method: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array<ArrayBuffer> | ArrayBuffer | Blob | FormData | ReadableStream<Uint8Array>
  /** Whether the body can be sent a second time; absent: yes. */
  readonly isRepeatable?: boolean
}

/** Sends a request, as the global `fetch`. */
export type Fetch = typeof globalThis.fetch

const defaultTimeoutMs = 100_000
const defaultMaxRetries = 3
/** A timer for longer goes off at once. */
const maxTimerMs = 2 ** 31 - 1

/** Sends requests to the routes of one service. */
export class ServiceCaller {
  readonly #findAddress: (signal: AbortSignal) => Promise<string>
  readonly #credential: Credential
  /** Sends without credential. */
  readonly fetch: Fetch

  /** @param findAddress  e.g. `http://localhost:7071/api/v1/service/iris` */
  constructor(
    findAddress: (signal: AbortSignal) => Promise<string>,
    credential: Credential,
    fetch: Fetch = globalThis.fetch,
  ) {
    this.#findAddress = findAddress
    this.#credential = credential
    this.fetch = (...call) => fetch(...call)
  }

  /**
   * Sends a request. A 401 is followed by one more try with keys that are read again, and a 429 or 503 with `Retry-After` by one
   * after that time, if it is within the deadline.
   *
   * @param path  behind the address of the service, e.g. `/score`
   * @param read  reads an answer with a status below 300, within the deadline
   * @throws RequestError with the status and code of the service, or without a status when there was no answer; the reason of `signal`
   *   when that was aborted
   */
  async send<Answer>(
    path: string,
    request: ServiceRequest,
    options: CallOptions,
    read: (response: Response) => Answer | Promise<Answer>,
  ): Promise<Answer> {
    const { signal: abort, timeoutMs = defaultTimeoutMs, maxRetries = defaultMaxRetries } = options
    const deadline = new Deadline(timeoutMs, abort)
    try {
      return await read(await this.#sendUntil(deadline, maxRetries, path, request))
    } catch (cause) {
      abort?.throwIfAborted()
      if (!deadline.hasPassed) throw cause
      throw new RequestError(`no answer to ${request.method} …${path} within ${timeoutMs} ms`, {}, { cause })
    } finally {
      deadline.clear()
    }
  }

  async #sendUntil(deadline: Deadline, maxRetries: number, path: string, request: ServiceRequest): Promise<Response> {
    const { signal } = deadline
    let isFresh = false
    let credential = await this.#credential.get(signal)
    for (let retries = 0; ; ) {
      const { response, url } = await this.#sendOnce(path, request, { credential, signal })
      if (response.ok) return response
      const failure = await readFailure(response, url)
      if (request.isRepeatable === false) throw failure
      if (response.status === 401 && !isFresh) {
        isFresh = true
        const fresh = await this.#credential.replace(credential, signal)
        if (fresh === undefined) throw failure
        credential = fresh
        continue
      }
      const waitMs = retryDelay(failure)
      if (waitMs === undefined || retries++ >= maxRetries || waitMs >= deadline.remainingMs) throw failure
      await wait(waitMs, signal)
    }
  }

  async #sendOnce(
    path: string,
    { method, headers, body }: ServiceRequest,
    { credential, signal }: { credential: string | undefined; signal: AbortSignal },
  ): Promise<{ response: Response; url: string }> {
    const url = (await this.#findAddress(signal)) + path
    const init = {
      method,
      signal,
      headers: {
        accept: '*/*',
        ...(credential !== undefined && { authorization: encodeAuthorization(credential) }),
        ...headers,
      },
      ...(body !== undefined && { body }),
      ...(body instanceof ReadableStream && { duplex: 'half' as const }),
      redirect: 'error' as const, // a key must not travel to another address
    }
    try {
      return { response: await this.fetch(url, init), url }
    } catch (cause) {
      if (signal.aborted) throw signal.reason
      throw unreachable(url, cause)
    }
  }
}

/** @throws TypeError for a key that `fetch` would refuse, with a message that holds it */
export function encodeAuthorization(credential: string): string {
  const token = credential.trim() // files end with a line break
  if (/^[\x20-\x7e]*$/.test(token)) return `Bearer ${token}`
  throw new TypeError('the key or token is none: it has a line break, or a character beyond ASCII')
}

/** A time limit beside the caller's own signal. */
class Deadline {
  readonly signal: AbortSignal
  readonly #endsAt: number
  readonly #timer: ReturnType<typeof setTimeout> | undefined
  hasPassed = false

  constructor(timeoutMs: number, given: AbortSignal | undefined) {
    if (Number.isNaN(Number(timeoutMs))) throw new TypeError(`timeoutMs: must be milliseconds, not ${timeoutMs}`)
    const timeout = new AbortController()
    this.signal = given ? AbortSignal.any([given, timeout.signal]) : timeout.signal
    this.#endsAt = performance.now() + timeoutMs
    if (timeoutMs > maxTimerMs) return // e.g. Infinity
    this.#timer = setTimeout(() => {
      this.hasPassed = true
      timeout.abort(new Error('timeout'))
    }, timeoutMs)
  }

  get remainingMs(): number {
    return this.#endsAt - performance.now()
  }

  /** Ends the limit; the caller's own signal still ends an answer that is streamed. */
  clear(): void {
    clearTimeout(this.#timer)
  }
}

/** @returns undefined when another try would not help */
function retryDelay({ status, code, retryAfterSeconds }: RequestError): number | undefined {
  if (retryAfterSeconds === undefined || code === 'TOO_MANY_WRONG_KEYS') return undefined
  return status === 429 || status === 503 ? retryAfterSeconds * 1000 : undefined
}
