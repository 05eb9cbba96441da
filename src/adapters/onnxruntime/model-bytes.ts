import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs'
import { basename } from 'node:path'
import type { OnnxModel } from '../../models/graph/onnx-model.ts'
import type { OnnxTensor } from '../../models/graph/onnx-tensor.ts'
import { type ByteRange, type Field, readFields, UnreadableOnnx } from '../../models/graph/protobuf.ts'

/** Smaller files are read whole. */
const sparseFrom = 8 * 2 ** 20
/** Contents of an initializer from this size on stay in the file; shapes and the like are far smaller. */
const largeFrom = 2 ** 20
const blockBytes = 2 ** 16
/** Enough for the tag and length of a field. */
const headBytes = 32
/** ModelProto.graph, GraphProto.initializer, TensorProto.raw_data (onnx.proto). */
const [graphField, initializerField, rawDataField] = [7, 5, 9]

/**
 * Holds the bytes of an ONNX file without large weights, which only the runtime needs, and it reads the file itself.
 * Their range is allocated and stays empty: the system gives no memory to pages that are not written to.
 */
export class ModelBytes {
  readonly bytes: Uint8Array
  readonly #path: string
  /** The contents that were left out, by the offset of their initializer. */
  readonly #leftOut = new Map<number, ByteRange>()

  /** @throws Error of the file system */
  constructor(path: string, isWhole: boolean) {
    this.#path = path
    const file = openSync(path, 'r')
    try {
      const { size } = fstatSync(file)
      if (isWhole || size < sparseFrom) {
        this.bytes = readFileSync(file)
        return
      }
      this.bytes = new Uint8Array(size)
      const blocks = new Blocks(file, this.bytes)
      try {
        this.#readGraph(blocks, { start: 0, end: size })
      } catch (failure) {
        if (!(failure instanceof UnreadableOnnx)) throw failure
        this.#leftOut.clear() // `readOnnxModel` says what is wrong with it
        blocks.read({ start: 0, end: size })
      }
    } finally {
      closeSync(file)
    }
  }

  /** @returns the model with the weights that were left out as external data, in its own file */
  withContentsBeside(model: OnnxModel): OnnxModel {
    if (this.#leftOut.size === 0) return model
    const initializers = model.graph.initializers.map((tensor): OnnxTensor => {
      const range = this.#leftOut.get(tensor.range.start)
      if (!range) return tensor
      return {
        ...tensor,
        external: { location: basename(this.#path), offset: range.start, length: range.end - range.start },
      }
    })
    return { ...model, graph: { ...model.graph, initializers } }
  }

  /** Reads the weights that were left out, for a copy of the whole file. */
  complete(): void {
    const file = openSync(this.#path, 'r')
    try {
      for (const range of this.#leftOut.values()) readRange(file, this.bytes, range)
    } finally {
      closeSync(file)
    }
    this.#leftOut.clear()
  }

  #readGraph(blocks: Blocks, file: ByteRange): void {
    for (const field of blocks.readFields(file)) {
      if (field.number !== graphField) blocks.read(field)
      else
        for (const part of blocks.readFields(field)) {
          if (part.number === initializerField && byteLength(part) >= largeFrom) this.#readTensor(blocks, part)
          else blocks.read(part)
        }
    }
  }

  #readTensor(blocks: Blocks, tensor: Field): void {
    for (const field of blocks.readFields(tensor)) {
      if (field.number === rawDataField && byteLength(field) >= largeFrom) this.#leftOut.set(tensor.start, field)
      else blocks.read(field)
    }
  }
}

/** Reads blocks of a file on demand. */
class Blocks {
  readonly #file: number
  readonly #bytes: Uint8Array
  readonly #isRead: Uint8Array

  constructor(file: number, bytes: Uint8Array) {
    this.#file = file
    this.#bytes = bytes
    this.#isRead = new Uint8Array(Math.ceil(bytes.length / blockBytes))
  }

  read({ start, end }: ByteRange): void {
    const last = Math.min(Math.ceil(end / blockBytes), this.#isRead.length)
    for (let block = Math.floor(start / blockBytes); block < last; block++) {
      if (this.#isRead[block]) continue
      let next = block + 1
      while (next < last && !this.#isRead[next]) next++
      const range = { start: block * blockBytes, end: Math.min(next * blockBytes, this.#bytes.length) }
      readRange(this.#file, this.#bytes, range)
      this.#isRead.fill(1, block, next)
      block = next - 1
    }
  }

  /** Iterates over the fields of a message, and reads only their tags and lengths. */
  *readFields(message: ByteRange): Generator<Field> {
    this.read({ start: message.start, end: message.start + headBytes })
    for (const field of readFields(this.#bytes, message)) {
      yield field
      this.read({ start: field.end, end: field.end + headBytes })
    }
  }
}

function readRange(file: number, bytes: Uint8Array, { start, end }: ByteRange): void {
  for (let at = start; at < end; ) {
    const count = readSync(file, bytes, at, Math.min(end - at, 2 ** 30), at)
    if (count === 0) throw new Error('it became shorter while it was read')
    at += count
  }
}

function byteLength({ start, end }: ByteRange): number {
  return end - start
}
