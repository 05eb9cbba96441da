/**
 * `scoring-functions/client`: scores features that the service cannot read. Works in Node.js and in browsers: it needs `fetch`,
 * Web Crypto and WebAssembly.
 */
import { BfvClient } from '../encrypted/bfv/client.ts'
import {
  decodeBinaryReply,
  decodeLayout,
  decodeReply,
  encodeBase64,
  type PublishedLayout,
  WireError,
} from '../encrypted/bfv/wire.ts'
import { Kernel } from '../encrypted/kernel.ts'
import { readFailure, unreachable } from './read-failure.ts'
import { parseAddress } from './service-address.ts'

export { RequestError } from './request-error.ts'

/** The service, and what opens it. */
export interface EncryptedClientOptions {
  /** Of the service, e.g. `https://my-app.azurewebsites.net/api/v1/service/digits`; its scoring URI, with `/score`, does as well. */
  readonly url: string | URL
  /** A key or token of the service, or a function that returns it, which is asked before each request. */
  readonly key: string | (() => string | Promise<string>)
  /** A secret key of `exportKey`. By default the client makes one of its own. */
  readonly secretKey?: string
  /** Sends the requests in place of the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch
  /** Ends the request for what the model takes. */
  readonly signal?: AbortSignal
}

/** What the service publishes of its model. */
export interface EncryptedModel {
  /** How many features a row has. */
  readonly featureCount: number
  /** How many scores a row gets. */
  readonly classCount: number
  /** The largest absolute value of a feature. */
  readonly maxFeature: number
  /** Features are rounded to multiples of 1 / featureScale. */
  readonly featureScale: number
  /** How far a score can be from that of the model. */
  readonly maxError: number
  /** The same for features that are multiples of 1 / featureScale, which need no rounding. */
  readonly maxErrorOfMultiples: number
  /** The names of the classes, in the order of the scores, if the model has them. */
  readonly labels: readonly (string | number)[] | undefined
}

const secretKeyBytes = 64
const maxRequestsAtOnce = 4

/** The client of one service with a linear model. Features are encrypted and scores decrypted here; the service sees neither. */
export class EncryptedLinearClient {
  /** What the model takes, and how exact its scores are. */
  readonly model: EncryptedModel
  readonly #layout: PublishedLayout
  readonly #service: Service
  #secretKey: Uint8Array
  #cipher: BfvClient

  private constructor(layout: PublishedLayout, service: Service, kernel: Kernel, secretKey: Uint8Array) {
    const { featureCount, classCount, maxFeature, featureScale, maxError, maxErrorOfMultiples, labels } = layout
    this.model = { featureCount, classCount, maxFeature, featureScale, maxError, maxErrorOfMultiples, labels }
    this.#layout = layout
    this.#service = service
    this.#secretKey = secretKey
    this.#cipher = new BfvClient(kernel, secretKey, randomBytes)
  }

  /**
   * Asks the service what its model takes.
   *
   * @throws RequestError with the status and code of the service
   */
  static async create(options: EncryptedClientOptions): Promise<EncryptedLinearClient> {
    const secretKey = options.secretKey === undefined ? randomBytes(secretKeyBytes) : decodeSecretKey(options.secretKey)
    const service = new Service(options)
    const [layout, kernel] = await Promise.all([service.fetchLayout(options.signal), Kernel.create()])
    return new EncryptedLinearClient(layout, service, kernel, secretKey)
  }

  /**
   * Encrypts a row. Two calls with the same row give different bytes.
   *
   * @returns the body of a request, content type `application/octet-stream`
   * @throws RangeError when features are missing, not finite, or larger than the model takes
   */
  encrypt(features: ArrayLike<number>): Uint8Array<ArrayBuffer> {
    return this.#cipher.encrypt(features, this.#layout)
  }

  /**
   * Decrypts the answer to a request of `encrypt`.
   *
   * @param reply  bytes, or parsed JSON
   * @returns a score for each class, the model's decision function: apply softmax for probabilities
   * @throws Error named WireError when it is no such answer, or one of another model
   */
  decrypt(reply: Uint8Array | object): number[] {
    const decoded =
      reply instanceof Uint8Array ? decodeBinaryReply(reply, this.#layout) : decodeReply(reply, this.#layout)
    return Array.from(this.#cipher.decrypt(decoded, this.#layout))
  }

  /**
   * Encrypts a row, has it scored and decrypts its scores; or several rows, a request each.
   *
   * @throws RequestError with the status and code of the service, or RangeError, as `encrypt`
   */
  predict(rows: readonly ArrayLike<number>[], options?: { readonly signal?: AbortSignal }): Promise<number[][]>
  predict(row: ArrayLike<number>, options?: { readonly signal?: AbortSignal }): Promise<number[]>
  predict(
    rows: ArrayLike<number> | readonly ArrayLike<number>[],
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<number[] | number[][]> {
    return isRows(rows) ? this.#predictRows(rows, signal) : this.#predictRow(rows, signal)
  }

  /**
   * The name of the class with the largest score, or its index where the model has no names. A single score is that of the second of two
   * classes: 1 where it is above 0.
   */
  label(scores: readonly number[]): string | number {
    const [score = 0] = scores
    const index = scores.length === 1 ? Number(score > 0) : scores.indexOf(Math.max(...scores))
    return this.#layout.labels?.[index] ?? index
  }

  /**
   * Returns the secret key. It decrypts everything that was encrypted with it: keep it where only you can read it, and never send it
   * to the service.
   */
  exportKey(): string {
    return encodeBase64(this.#secretKey)
  }

  /** Takes a secret key of `exportKey`, to decrypt answers to what was encrypted with it. */
  async importKey(secretKey: string): Promise<void> {
    const bytes = decodeSecretKey(secretKey)
    this.#cipher = new BfvClient(await Kernel.create(), bytes, randomBytes)
    this.#secretKey = bytes
  }

  async #predictRow(row: ArrayLike<number>, signal?: AbortSignal): Promise<number[]> {
    return this.decrypt(await this.#service.score(this.encrypt(row), signal))
  }

  async #predictRows(rows: readonly ArrayLike<number>[], signal?: AbortSignal): Promise<number[][]> {
    const scores = new Array<number[]>(rows.length)
    const pending = rows.entries()
    const work = async () => {
      for (const [index, row] of pending) scores[index] = await this.#predictRow(row, signal)
    }
    await Promise.all(Array.from({ length: Math.min(maxRequestsAtOnce, rows.length) }, work))
    return scores
  }
}

/** The two routes that the client uses. */
class Service {
  readonly #url: string
  readonly #key: EncryptedClientOptions['key']
  readonly #fetch: typeof globalThis.fetch

  constructor({ url, key, fetch = globalThis.fetch }: EncryptedClientOptions) {
    this.#url = parseAddress(url)
    this.#key = key
    this.#fetch = (...call) => fetch(...call)
  }

  /** What the service publishes of its model. */
  async fetchLayout(signal?: AbortSignal): Promise<PublishedLayout> {
    const response = await this.#request('/encrypted', { signal })
    const published = await readJson(response)
    const { fast } = (published ?? {}) as { fast?: unknown }
    if (fast === undefined || fast === null)
      throw new WireError(
        `${this.#url} has no fast mode of encrypted scoring; its service.json needs "encrypted": { "maxFeature": … }`,
      )
    return decodeLayout(fast)
  }

  /** Sends an encrypted row. @returns the encrypted scores */
  async score(body: Uint8Array<ArrayBuffer>, signal?: AbortSignal): Promise<Uint8Array> {
    const type = 'application/octet-stream'
    const headers = { 'content-type': type, accept: type }
    const response = await this.#request('/score', { method: 'POST', headers, body, signal })
    return new Uint8Array(await response.arrayBuffer())
  }

  async #request(
    path: string,
    init: {
      method?: string
      headers?: Record<string, string>
      body?: Uint8Array<ArrayBuffer>
      signal?: AbortSignal | undefined
    },
  ): Promise<Response> {
    const url = this.#url + path
    const key = typeof this.#key === 'string' ? this.#key : await this.#key()
    const { signal, ...rest } = init
    const headers = { authorization: `Bearer ${key}`, ...init.headers }
    const response = await this.#fetch(url, { ...rest, headers, ...(signal && { signal }) }).catch((cause: unknown) => {
      if (signal?.aborted) throw cause
      throw unreachable(url, cause)
    })
    if (!response.ok) throw await readFailure(response, url)
    return response
  }
}

/** Undefined where the body is no JSON. */
async function readJson(response: Response): Promise<unknown> {
  const text = await response.text()
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isRows(rows: ArrayLike<number> | readonly ArrayLike<number>[]): rows is readonly ArrayLike<number>[] {
  return Array.isArray(rows) && (rows.length === 0 || (typeof rows[0] === 'object' && rows[0] !== null))
}

function decodeSecretKey(text: string): Uint8Array {
  const isKey = /^[A-Za-z0-9+/]{86}==$/.test(text)
  // The text is a secret and stays out of the message.
  if (!isKey) throw new RangeError(`a secret key is ${secretKeyBytes} bytes in base64, as exportKey returns it`)
  return Uint8Array.from(atob(text), character => character.charCodeAt(0))
}

function randomBytes(count: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(count)
  const most = 65_536 // of getRandomValues
  for (let at = 0; at < count; at += most) crypto.getRandomValues(bytes.subarray(at, at + most))
  return bytes
}
