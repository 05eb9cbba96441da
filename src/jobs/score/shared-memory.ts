import { setImmediate as nextTurn } from 'node:timers/promises'

/** Most bytes that are kept for later. */
const maxKeptBytes = 16 * 1024 ** 2
const unit = 256 * 1024
/** Texts from this size on come in numbers that the garbage collector has to be told of. */
const largeBytes = 256 * 1024

/** What a turn of the event loop copies. */
const turnBytes = 256 * 1024

function slices(piece: Uint8Array): Uint8Array[] {
  const count = Math.ceil(piece.byteLength / turnBytes)
  return Array.from({ length: count }, (_, index) => piece.subarray(index * turnBytes, (index + 1) * turnBytes))
}

/** Memory that scoring threads read in place. It is used again, because to allocate and collect so much of it costs time. */
export class SharedMemory {
  #kept: SharedArrayBuffer[] = []
  #onFirst: (() => void) | undefined

  /** @param onFirst  called when the first large text comes */
  constructor(onFirst?: () => void) {
    this.#onFirst = onFirst
  }

  /** Joins pieces of a text, in slices, so that nobody waits for all of it. */
  async join(pieces: readonly Uint8Array[]): Promise<Uint8Array> {
    const length = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0)
    if (length >= largeBytes) {
      this.#onFirst?.()
      this.#onFirst = undefined
    }
    const found = this.#kept.find(({ byteLength }) => byteLength >= length)
    this.#kept = this.#kept.filter(each => each !== found)
    const joined = Buffer.from(found ?? new SharedArrayBuffer(Math.ceil(length / unit) * unit), 0, length)
    let at = 0
    for (const slice of pieces.flatMap(slices)) {
      joined.set(slice, at)
      const turn = Math.floor(at / turnBytes)
      at += slice.byteLength
      if (Math.floor(at / turnBytes) > turn) await nextTurn()
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
