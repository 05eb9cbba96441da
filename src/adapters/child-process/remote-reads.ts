import type { ByteRange } from '../../jobs/blob-store.ts'
import type { ReadInput } from '../../jobs/formats/text-source.ts'

interface OpenRead {
  readonly pieces: Uint8Array[]
  isDone: boolean
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

  add(read: number, bytes: Uint8Array): void {
    this.#open.get(read)?.pieces.push(bytes)
    this.#open.get(read)?.wake()
  }

  close(read: number): void {
    const open = this.#open.get(read)
    if (!open) return
    open.isDone = true
    open.wake()
  }

  async *#read(range: ByteRange | undefined): AsyncGenerator<Uint8Array> {
    const read = this.#readCount++
    const open: OpenRead = { pieces: [], isDone: false, wake: () => {} }
    this.#open.set(read, open)
    this.#request(read, range)
    try {
      for (;;) {
        const piece = open.pieces.shift()
        if (piece) yield piece
        else if (open.isDone) return
        else await new Promise<void>(resolve => Object.assign(open, { wake: resolve }))
      }
    } finally {
      this.#open.delete(read)
    }
  }
}
