import { kernelBytes } from './kernel-bytes.ts'

/** What kernel/assembly exports. Addresses and lengths are numbers, words are bigints; see there for each. */
export interface KernelFunctions {
  seed(at: number): void
  random(target: number, bytes: number): void
  uniform63(target: number, n: number, q: bigint): void
  uniform64(target: number, n: number, q: bigint): void
  digest(target: number, at: number, bytes: number): void
  ternary(target: number, n: number): void
  tabulate(table: number, n: number, root: bigint, one: bigint, q: bigint, inverse: bigint): void
  forward(a: number, table: number, n: number, q: bigint): void
  inverse(
    a: number,
    table: number,
    n: number,
    q: bigint,
    factor: bigint,
    factorQuotient: bigint,
    last: bigint,
    lastQuotient: bigint,
  ): void
  multiply(target: number, a: number, b: number, n: number, q: bigint): void
  multiplyAdd(target: number, a: number, b: number, n: number, q: bigint): void
  scale(target: number, a: number, n: number, factor: bigint, quotient: bigint, q: bigint): void
  add(target: number, a: number, n: number, q: bigint): void
  rotate(target: number, a: number, keep: bigint, indices: number, n: number, q: bigint): void
  rotateAdd(
    target: number,
    a: number,
    keep: bigint,
    digits: number,
    key: number,
    indices: number,
    n: number,
    q: bigint,
  ): void
  multiplyRotated(target: number, digits: number, key: number, indices: number, n: number, q: bigint): void
  convert(target: number, a: number, n: number, from: bigint, to: bigint, reciprocal: bigint): void
  subtractScale(target: number, a: number, n: number, factor: bigint, quotient: bigint, q: bigint): void
  dot(target: number, a: number, small: number, count: number, n: number, position: number): void
  pack(target: number, a: number, n: number, droppedBits: bigint, wordBytes: number): void
  unpack(target: number, packed: number, n: number, droppedBits: bigint, wordBytes: number): void
}

interface Memory {
  readonly buffer: ArrayBuffer
  grow(pages: number): number
}

/** What is used of it: the types of Node.js have none of its values, and those of browsers would bring the whole DOM. */
declare const WebAssembly: {
  instantiate(bytes: Uint8Array): Promise<{ instance: { exports: unknown } }>
}

const pageBytes = 65_536

/**
 * The WebAssembly module of encrypted inference and its memory: random words of seeds, transforms, products. All calls are
 * synchronous. Memory is given out once and never taken back, so that an engine allocates what it works on when it is made.
 */
export class Kernel {
  readonly functions: KernelFunctions
  readonly #memory: Memory
  #end = pageBytes // the first page holds the kernel's own data

  private constructor({ memory, ...functions }: KernelFunctions & { readonly memory: Memory }) {
    this.functions = functions
    this.#memory = memory
  }

  static async create(): Promise<Kernel> {
    const bytes = Uint8Array.from(atob(kernelBytes), character => character.charCodeAt(0))
    const { instance } = await WebAssembly.instantiate(bytes)
    return new Kernel(instance.exports as KernelFunctions & { readonly memory: Memory })
  }

  /** Returns the address of so many bytes, which are zero. */
  allocate(bytes: number): number {
    const at = this.#end
    this.#end += Math.ceil(bytes / 64) * 64
    const missing = this.#end - this.#memory.buffer.byteLength
    if (missing > 0) this.#memory.grow(Math.ceil(missing / pageBytes))
    return at
  }

  /** A view of the memory, which is good until the next call of `allocate`. */
  bytes(at: number, length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#memory.buffer, at, length)
  }

  /** A view of the memory, which is good until the next call of `allocate`. */
  words(at: number, n: number): BigUint64Array<ArrayBuffer> {
    return new BigUint64Array(this.#memory.buffer, at, n)
  }
}
