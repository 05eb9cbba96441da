import type { IncomingHttpHeaders } from 'node:http'

/** The headers of a request as `Headers` shows them, read-only, over what Node has parsed already. */
export class RequestHeaders {
  readonly #headers: IncomingHttpHeaders

  readonly #raw: readonly string[]

  /**
   * @param headers  as Node has parsed them
   * @param raw      as they came: name, value, name, value …
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

  /** Node drops the second one without a word; `Headers`, and Azure's host, show both. */
  #authorization(): string | null {
    let joined: string | null = null
    for (let at = 0; at < this.#raw.length; at += 2) {
      const name = this.#raw[at] as string
      if (name.length !== 13 || name.toLowerCase() !== 'authorization') continue
      const value = this.#raw[at + 1] as string
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

  /** Sorted by name, in lower case. */
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
