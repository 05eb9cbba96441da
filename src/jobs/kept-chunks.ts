import type { Clock } from '../clock.ts'
import type { JobSpec } from './spec.ts'

/** Names a chunk; a job with the same id may follow one that was removed. */
export function chunkKey({ folder, createdAt }: Pick<JobSpec, 'folder' | 'createdAt'>, chunk: number): string {
  return `${folder} ${createdAt} ${chunk}`
}

/** Another process has taken up what is still here by then. */
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
  #cancelDrop = () => {}

  constructor(clock: Clock, maxBytes: number) {
    this.#clock = clock
    this.#maxBytes = maxBytes
  }

  hasRoom(bytes: number): boolean {
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
    this.#kept.delete(key)
    this.#bytes -= kept.bytes
    if (this.#kept.size === 0) this.#cancelDrop()
    return kept.value
  }

  #dropLater(): void {
    this.#cancelDrop = this.#clock.after(keepMs / 2, () => {
      const before = this.#clock.monotonicMs() - keepMs
      for (const [key, { since }] of this.#kept) if (since <= before) this.take(key)
      if (this.#kept.size > 0) this.#dropLater()
    })
  }
}
