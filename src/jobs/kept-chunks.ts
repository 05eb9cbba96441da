import type { Clock } from '../clock.ts'
import type { JobSpec } from './spec.ts'

/** Names a chunk; a job with the same id may follow one that was removed. */
export function chunkKey({ folder, createdAt }: Pick<JobSpec, 'folder' | 'createdAt'>, chunk: number): string {
  return `${folder} ${createdAt} ${chunk}`
}

/**
 * When this process has taken nothing for so long, another one has taken up the rest. What is older than this, and perhaps taken up by
 * another, makes room for what is new.
 */
const keepMs = 30_000

interface Kept<T> {
  readonly value: T
  readonly bytes: number
  readonly since: number
}

/**
 * What this process has read or made of chunks while it planned them, so that it need not do so again to score them. Most chunks of
 * a large input are not here.
 */
export class KeptChunks<T> {
  readonly #clock: Clock
  readonly #maxBytes: number
  readonly #kept = new Map<string, Kept<T>>()
  #bytes = 0
  #takenAt = Number.NEGATIVE_INFINITY
  #cancelDrop = () => {}

  constructor(clock: Clock, maxBytes: number) {
    this.#clock = clock
    this.#maxBytes = maxBytes
  }

  hasRoom(bytes: number): boolean {
    if (this.#bytes + bytes > this.#maxBytes) this.#dropOld()
    return this.#bytes + bytes <= this.#maxBytes
  }

  /** Keeps something of so many bytes. @returns false when there is no room for it, or the chunk has something already */
  put(key: string, value: T, bytes: number): boolean {
    if (!this.hasRoom(bytes) || this.#kept.has(key)) return false
    if (this.#kept.size === 0) this.#dropLater()
    this.#kept.set(key, { value, bytes, since: this.#clock.monotonicMs() })
    this.#bytes += bytes
    return true
  }

  /** Something that is kept has turned out to take so many bytes. It may be more than there was room for. */
  resize(key: string, bytes: number): void {
    const kept = this.#kept.get(key)
    if (!kept) return
    this.#kept.set(key, { ...kept, bytes })
    this.#bytes += bytes - kept.bytes
  }

  /** Gives away what there is of a chunk. */
  take(key: string): T | undefined {
    const kept = this.#kept.get(key)
    if (!kept) return undefined
    this.#takenAt = this.#clock.monotonicMs()
    this.#drop(key, kept)
    return kept.value
  }

  #drop(key: string, { bytes }: Kept<T>): void {
    this.#kept.delete(key)
    this.#bytes -= bytes
    if (this.#kept.size === 0) this.#cancelDrop()
  }

  #dropOld(): void {
    const before = this.#clock.monotonicMs() - keepMs
    for (const [key, kept] of this.#kept) if (kept.since <= before) this.#drop(key, kept)
  }

  #dropLater(): void {
    this.#cancelDrop = this.#clock.after(keepMs / 2, () => {
      if (this.#takenAt <= this.#clock.monotonicMs() - keepMs) this.#dropOld()
      if (this.#kept.size > 0) this.#dropLater()
    })
  }
}
