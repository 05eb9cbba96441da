import { movedFromBytes } from './dispatch.ts'

/** Bodies from this size on lie in shared memory, up to the size from which they are moved. */
export const sharedFromBytes = 65_536

/** Blocks have a multiple of this size, so that bodies of about the same size use the same ones. */
const blockStepBytes = 131_072

/** Most bytes of all blocks, however much requests may hold. Further bodies get memory of their own, which is copied to the worker. */
const maxBlockBytes = 64 * 2 ** 20

/** Blocks that nobody has needed for this long are given up. */
const maxIdleMs = 10_000

/** Memory for one body. It is used again when nobody holds it. */
class BodyBlock {
  readonly memory: SharedArrayBuffer
  readonly #onFree: (block: BodyBlock) => void
  #holds = 0

  constructor(bytes: number, onFree: (block: BodyBlock) => void) {
    this.memory = new SharedArrayBuffer(bytes)
    this.#onFree = onFree
  }

  get isFree(): boolean {
    return this.#holds === 0
  }

  hold(): BodyHold {
    this.#holds++
    return new BodyHold(() => {
      this.#holds--
      if (this.#holds === 0) this.#onFree(this)
    })
  }
}

/** Keeps the memory of a body from being used for another one. */
export class BodyHold {
  #onRelease: (() => void) | undefined

  constructor(onRelease: () => void) {
    this.#onRelease = onRelease
  }

  /** It may be called any number of times. */
  release(): void {
    this.#onRelease?.()
    this.#onRelease = undefined
  }
}

/** The blocks by their memory: a body tells by it which block it lies in. */
const blocks = new WeakMap<ArrayBufferLike, BodyBlock>()

/**
 * Keeps the memory of a body for a reader, such as a worker.
 *
 * @returns undefined for a body that has memory of its own
 * @throws Error when nobody holds the body any more: another one may be there already
 */
export function holdBody(body: Uint8Array): BodyHold | undefined {
  const block = isShared(body) ? blocks.get(body.buffer) : undefined
  if (block?.isFree) throw new Error('the memory of this body was given up before it was scored')
  return block?.hold()
}

/** Whether workers read the body where it is: it is neither copied to a worker nor moved. */
export function isShared(body: Uint8Array): boolean {
  return body.byteLength >= sharedFromBytes && body.buffer instanceof SharedArrayBuffer
}

/** Bytes to leave out before a body, so that what follows its text lies at a multiple of 8: workers read tensors in place. */
export function leadBefore(textBytes: number | undefined): number {
  return textBytes === undefined ? 0 : (8 - (textBytes % 8)) % 8
}

/** Blocks of one size that nobody holds. */
interface FreeBlocks {
  /** The last one is taken first. */
  readonly blocks: BodyBlock[]
  /** The fewest that there were since it was last looked: so many have not been needed. */
  fewest: number
}

/** A body that is to be received. */
export interface TakenMemory {
  /** As many bytes as were asked for. They hold what an earlier body left there. */
  readonly bytes: Uint8Array
  readonly hold: BodyHold
}

/**
 * Memory that large bodies are received into, and that workers read in place: a body is not copied again, and its memory is
 * not left to the garbage collector, which would run for nearly each of them.
 */
export class BodyMemory {
  /** By their size in steps. */
  readonly #free = new Map<number, FreeBlocks>()
  #freeBytes = 0
  #bytes = 0
  #idleTimer: NodeJS.Timeout | undefined
  readonly #maxBytes: number
  readonly #maxIdleMs: number
  #onFirst: (() => void) | undefined

  /**
   * @param maxHeldBytes  what requests may hold in all
   * @param onFirst  called when the first large body comes
   * @param idleMs  after which blocks that were not needed are given up
   */
  constructor(maxHeldBytes: number, onFirst?: () => void, idleMs = maxIdleMs) {
    this.#maxBytes = Math.min(maxBlockBytes, maxHeldBytes)
    this.#maxIdleMs = idleMs
    this.#onFirst = onFirst
  }

  /** Bytes of all blocks. */
  get bytes(): number {
    return this.#bytes
  }

  /** Bytes of blocks that are held. */
  get heldBytes(): number {
    return this.#bytes - this.#freeBytes
  }

  /**
   * @param lead  bytes to leave out before the body, which begins at a multiple of 8 otherwise
   * @returns undefined for a body that is small or moved, and when all blocks are held
   */
  take(bodyBytes: number, lead = 0): TakenMemory | undefined {
    if (bodyBytes < sharedFromBytes) return undefined
    this.#onFirst?.()
    this.#onFirst = undefined
    if (bodyBytes >= movedFromBytes) return undefined
    const block = this.#takeBlock(Math.ceil((lead + bodyBytes) / blockStepBytes))
    return block && { bytes: new Uint8Array(block.memory, lead, bodyBytes), hold: block.hold() }
  }

  #takeBlock(steps: number): BodyBlock | undefined {
    const free = this.#free.get(steps)
    const block = free?.blocks.pop()
    if (free && block) {
      free.fewest = Math.min(free.fewest, free.blocks.length)
      this.#freeBytes -= block.memory.byteLength
      return block
    }
    const bytes = steps * blockStepBytes
    if (this.heldBytes + bytes > this.#maxBytes) return undefined
    // Blocks of sizes that do not come any more make room.
    if (this.#bytes + bytes > this.#maxBytes) this.#giveUpFree()
    const made = new BodyBlock(bytes, freed => this.#keep(freed))
    blocks.set(made.memory, made)
    this.#bytes += bytes
    return made
  }

  #keep(block: BodyBlock): void {
    const bytes = block.memory.byteLength
    const steps = bytes / blockStepBytes
    const free = this.#free.get(steps) ?? { blocks: [], fewest: 0 }
    free.blocks.push(block)
    this.#free.set(steps, free)
    this.#freeBytes += bytes
    this.#idleTimer ??= setInterval(() => this.#giveUpIdle(), this.#maxIdleMs).unref()
  }

  /** Gives up what was not needed since it was last looked, also while other blocks are. */
  #giveUpIdle(): void {
    for (const free of this.#free.values()) {
      for (const { memory } of free.blocks.splice(0, free.fewest)) {
        this.#bytes -= memory.byteLength
        this.#freeBytes -= memory.byteLength
      }
      free.fewest = free.blocks.length
    }
    if (this.#freeBytes > 0) return
    clearInterval(this.#idleTimer)
    this.#idleTimer = undefined
  }

  #giveUpFree(): void {
    this.#bytes -= this.#freeBytes
    this.#freeBytes = 0
    this.#free.clear()
  }
}
