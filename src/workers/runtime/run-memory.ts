import { allocate, typedArrays } from '../../tensor/dtype.ts'
import { elementSize } from '../../tensor/element-bytes.ts'
import type { Storage } from '../../tensor/rows.ts'

/** Smaller inputs get memory of their own, which is cheap. */
const keptFromBytes = 65_536
/** Larger ones as well, so that a worker does not keep all that it once needed. */
const keptToBytes = 8 * 2 ** 20

/**
 * Memory for the inputs of a run that several requests share. It is used again for the next run, for which the garbage collector
 * would have to run otherwise: ONNX Runtime copies what it gives out, and keeps no input.
 */
export class RunMemory {
  readonly #buffers = new Map<string, ArrayBuffer>()

  /** @returns what `concatRows` takes for the input of that name */
  storageFor(name: string): Storage {
    return (dtype, count) => {
      const bytes = count * elementSize(dtype)
      if (bytes < keptFromBytes || bytes > keptToBytes) return allocate(dtype, count)
      const Elements = typedArrays[dtype] as Uint8ArrayConstructor
      return new Elements(this.#take(name, bytes), 0, count)
    }
  }

  #take(name: string, bytes: number): ArrayBuffer {
    let buffer = this.#buffers.get(name)
    if (!buffer || buffer.byteLength < bytes) {
      // Twice as much, so that runs of growing size do not need new memory each.
      buffer = new ArrayBuffer(Math.min(keptToBytes, 2 * bytes))
      this.#buffers.set(name, buffer)
    }
    return buffer
  }
}
