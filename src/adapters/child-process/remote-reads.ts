import type { ByteRange } from '../../jobs/blob-store.ts'
import type { ReadInput } from '../../jobs/formats/text-source.ts'

interface OpenRead {
  /** Undefined at the end. */
  readonly pieces: (Uint8Array | undefined)[]
  wake: () => void
}

/** Reads whose bytes arrive in messages. */
export class RemoteReads {
  readonly #open = new Map<number, OpenRead>()
  readonly #request: (read: number, range: ByteRange | undefined) => void
  #readCount = 0

  /** @param request  requests the bytes of a range under the number of the read */
  constructor(request: (read: number, range: ByteRange | undefined) => void) {
    this.#request = request
  }

  readonly read: ReadInput = range => this.#read(range)

  /** @param bytes  undefined at the end of the read */
  add(read: number, bytes: Uint8Array | undefined): void {
    this.#open.get(read)?.pieces.push(bytes)
    this.#open.get(read)?.wake()
  }

  async *#read(range: ByteRange | undefined): AsyncGenerator<Uint8Array> {
    const read = this.#readCount++
    const open: OpenRead = { pieces: [], wake: () => {} }
    this.#open.set(read, open)
    this.#request(read, range)
    try {
      for (;;) {
        if (open.pieces.length === 0) await new Promise<void>(resolve => Object.assign(open, { wake: resolve }))
        const piece = open.pieces.shift()
        if (!piece) return
        yield piece
      }
    } finally {
      this.#open.delete(read)
    }
  }
}
