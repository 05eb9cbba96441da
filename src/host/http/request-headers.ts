import type { IncomingHttpHeaders } from 'node:http'

/** The headers of a request with the interface of `Headers`, read-only, over what Node has parsed already. */
export class RequestHeaders {
  readonly #headers: IncomingHttpHeaders
  readonly #raw: readonly string[]

  /**
   * @param headers  parsed by Node
   * @param raw      as received: name, value, name, value …
   */
  constructor(headers: IncomingHttpHeaders, raw: readonly string[]) {
    this.#headers = headers
    this.#raw = raw
  }

  get(name: string): string | null {
    const key = name.toLowerCase()
    if (key === 'authorization') return this.#authorization()
    const value = this.#headers[key]
    if (typeof value === 'string') return Object.hasOwn(this.#headers, key) ? value : null
    return Array.isArray(value) ? value.join(', ') : null
  }

  /** Joins several values, as `Headers` and Azure's host do; Node drops all but the first. */
  #authorization(): string | null {
    let joined: string | null = null
    for (let index = 0; index < this.#raw.length; index += 2) {
      const name = this.#raw[index] as string
      if (name.length !== 13 || name.toLowerCase() !== 'authorization') continue
      const value = this.#raw[index + 1] as string
      joined = joined === null ? value : `${joined}, ${value}`
    }
    return joined
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#headers, name.toLowerCase())
  }

  getSetCookie(): string[] {
    return [...(this.#headers['set-cookie'] ?? [])]
  }

  /** Yields names in lower case, sorted. */
  *entries(): HeadersIterator<[string, string]> {
    for (const name of Object.keys(this.#headers).sort()) {
      if (name === 'set-cookie') for (const each of this.getSetCookie()) yield [name, each]
      else yield [name, this.get(name) ?? '']
    }
  }

  *keys(): HeadersIterator<string> {
    for (const [name] of this.entries()) yield name
  }

  *values(): HeadersIterator<string> {
    for (const [, value] of this.entries()) yield value
  }

  [Symbol.iterator](): HeadersIterator<[string, string]> {
    return this.entries()
  }

  forEach(callback: (value: string, name: string, parent: Headers) => void, self?: unknown): void {
    for (const [name, value] of this.entries()) callback.call(self, value, name, this)
  }

  append(): never {
    throw new TypeError('the headers of a request cannot be changed')
  }

  set(): never {
    return this.append()
  }

  delete(): never {
    return this.append()
  }
}

type HeadersIterator<T> = Generator<T, undefined, unknown>
