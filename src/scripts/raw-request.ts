/**
 * Creates the `Request` that a raw-HTTP script receives. `arrayBuffer`, `bytes`, `text` and `json` return the bytes directly,
 * because a body that goes through a stream costs a millisecond for a large image.
 */
export function rawRequest(
  url: string,
  init: { method: string; headers: [string, string][] },
  bytes: Uint8Array<ArrayBuffer>,
) {
  RawRequest ??= defineRawRequest()
  return new RawRequest(url, init, bytes)
}

let RawRequest: ReturnType<typeof defineRawRequest> | undefined

/** Called on first use, because Node.js loads fetch when `Request` is first named, which takes 20 ms of a cold start. */
function defineRawRequest() {
  /** `Request` without the types of the members overridden below, which its typings declare as fields. */
  const FetchRequest: new (url: string, init: RequestInit) => Pick<Request, 'url' | 'method' | 'headers'> = Request

  return class RawRequest extends FetchRequest {
    readonly #bytes: Uint8Array<ArrayBuffer>
    readonly #init: RequestInit
    #isUsed = false
    /** Created when a stream is needed: for forms, blobs, copies and `body`. */
    #streaming: Request | undefined

    constructor(url: string, init: { method: string; headers: [string, string][] }, bytes: Uint8Array<ArrayBuffer>) {
      super(url, init)
      this.#init = init
      this.#bytes = bytes
    }

    get body(): Request['body'] {
      return this.#bytes.length === 0 ? null : this.#asStreaming().body
    }

    get bodyUsed(): boolean {
      return this.#streaming?.bodyUsed ?? this.#isUsed
    }

    async arrayBuffer(): Promise<ArrayBuffer> {
      if (this.#streaming) return this.#streaming.arrayBuffer()
      const { buffer, byteLength } = this.#take()
      // Small bodies share a buffer with other requests.
      return buffer.byteLength === byteLength ? buffer : this.#bytes.slice().buffer
    }

    async bytes(): Promise<Uint8Array<ArrayBuffer>> {
      return new Uint8Array(await this.arrayBuffer())
    }

    async text(): Promise<string> {
      return this.#streaming ? this.#streaming.text() : new TextDecoder().decode(this.#take())
    }

    async json(): Promise<unknown> {
      return JSON.parse(await this.text())
    }

    async blob(): Promise<Blob> {
      return this.#asStreaming().blob()
    }

    async formData(): Promise<FormData> {
      return this.#asStreaming().formData()
    }

    clone(): Request {
      return this.#asStreaming().clone()
    }

    #take(): Uint8Array<ArrayBuffer> {
      if (this.#isUsed) throw new TypeError('Body is unusable: Body has already been read')
      this.#isUsed = true
      return this.#bytes
    }

    #asStreaming(): Request {
      if (this.#streaming) return this.#streaming
      const hasBody = this.#bytes.length > 0 && this.method !== 'GET' && this.method !== 'HEAD'
      this.#streaming = new Request(this.url, { ...this.#init, body: hasBody ? this.#take() : undefined })
      return this.#streaming
    }
  }
}
