import type { Clock } from '../clock.ts'
import type { JobSpec } from './spec.ts'

/** Names the text of a chunk; a job with the same id may follow one that was removed. */
export function textKey({ folder, createdAt }: JobSpec, chunk: number): string {
  return `${folder} ${createdAt} ${chunk}`
}

const maxBytes = 64 * 1024 ** 2
/** Another process has taken up what is still here by then. */
const keepMs = 30_000

interface KeptText {
  readonly pieces: readonly Uint8Array[]
  readonly bytes: number
  readonly since: number
}

/**
 * Texts of chunks that this process has just planned, so that it need not read them again to score them. They are of the pinned
 * version of the input. Most chunks of a large input are not here.
 */
export class ChunkTexts {
  readonly #clock: Clock
  readonly #texts = new Map<string, KeptText>()
  #bytes = 0
  #cancelDrop = () => {}

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Keeps a text, if there is room for it. */
  put(key: string, pieces: readonly Uint8Array[]): void {
    const bytes = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0)
    if (this.#bytes + bytes > maxBytes || this.#texts.has(key)) return
    if (this.#texts.size === 0) this.#dropLater()
    this.#texts.set(key, { pieces, bytes, since: this.#clock.monotonicMs() })
    this.#bytes += bytes
  }

  /** Gives a text away. */
  take(key: string): readonly Uint8Array[] | undefined {
    const text = this.#texts.get(key)
    if (!text) return undefined
    this.#texts.delete(key)
    this.#bytes -= text.bytes
    if (this.#texts.size === 0) this.#cancelDrop()
    return text.pieces
  }

  #dropLater(): void {
    this.#cancelDrop = this.#clock.after(keepMs / 2, () => {
      const before = this.#clock.monotonicMs() - keepMs
      for (const [key, { since }] of this.#texts) if (since <= before) this.take(key)
      if (this.#texts.size > 0) this.#dropLater()
    })
  }
}
