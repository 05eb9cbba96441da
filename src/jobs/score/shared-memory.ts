/** Most bytes that are kept for later. */
const maxKeptBytes = 16 * 1024 ** 2
const unit = 256 * 1024
/** Texts from this size on come in numbers that the garbage collector has to be told of. */
const largeBytes = 256 * 1024

/** Memory that scoring threads read in place. It is used again, because to allocate and collect so much of it costs time. */
export class SharedMemory {
  #kept: SharedArrayBuffer[] = []
  readonly #onLarge: () => void

  /** @param onLarge  called with each large text; absent: nobody wants to know */
  constructor(onLarge = () => {}) {
    this.#onLarge = onLarge
  }

  /** Joins pieces of a text. */
  join(pieces: readonly Uint8Array[]): Uint8Array {
    const length = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0)
    if (length >= largeBytes) this.#onLarge()
    const found = this.#kept.find(({ byteLength }) => byteLength >= length)
    this.#kept = this.#kept.filter(each => each !== found)
    const joined = Buffer.from(found ?? new SharedArrayBuffer(Math.ceil(length / unit) * unit), 0, length)
    let at = 0
    for (const piece of pieces) {
      joined.set(piece, at)
      at += piece.byteLength
    }
    return joined
  }

  /** Takes memory back that no thread reads any more. */
  giveBack({ buffer }: Uint8Array): void {
    if (!(buffer instanceof SharedArrayBuffer)) return
    const keptBytes = this.#kept.reduce((sum, { byteLength }) => sum + byteLength, 0)
    if (keptBytes + buffer.byteLength <= maxKeptBytes) this.#kept.push(buffer)
  }
}
