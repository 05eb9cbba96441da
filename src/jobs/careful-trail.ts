/** What is known of the attempts at a chunk whose process has died: the blobs under `careful/`. */
import type { BlobStore } from './blob-store.ts'
import { carefulPlace, carefulPrefix, jobsContainer } from './job-layout.ts'
import type { RowResult } from './row-scorer.ts'

/** Rows of a chunk, by their place in it: from `from`, up to but not with `to`. */
export interface RowRange {
  readonly from: number
  readonly to: number
}

/** One time that a range is scored. */
export interface Attempt extends RowRange {
  readonly number: number
}

interface RangeTrail {
  /** Attempts of which nobody has seen an end. */
  begun: number
  /** Number of the last of them: withdrawn ones leave gaps. */
  last: number
  /** Milliseconds since 1970, by the clock of the storage; of the last of them. */
  begunAt: number
  isScored: boolean
}

export class CarefulTrail {
  readonly #store: BlobStore
  readonly #place: (name: string) => ReturnType<typeof carefulPlace>
  readonly #ranges = new Map<string, RangeTrail>()

  private constructor(store: BlobStore, place: (name: string) => ReturnType<typeof carefulPlace>) {
    this.#store = store
    this.#place = place
  }

  static async read(store: BlobStore, jobId: string, part: number, chunk: number): Promise<CarefulTrail> {
    const trail = new CarefulTrail(store, name => carefulPlace(jobId, part, chunk, name))
    const prefix = carefulPrefix(jobId, part, chunk)
    for await (const { path, modifiedAt } of store.list(jobsContainer, prefix)) {
      const [kind, from, to, number] = path.slice(prefix.length).split('-')
      const range = trail.of({ from: Number(from), to: Number(to) })
      if (kind === 'lines') range.isScored = true
      else {
        range.begun++
        range.last = Math.max(range.last, Number(number))
        range.begunAt = Math.max(range.begunAt, modifiedAt)
      }
    }
    return trail
  }

  of({ from, to }: RowRange): RangeTrail {
    const key = `${from}-${to}`
    const known = this.#ranges.get(key) ?? { begun: 0, last: 0, begunAt: Number.NEGATIVE_INFINITY, isScored: false }
    this.#ranges.set(key, known)
    return known
  }

  /** Attempts that seem to have ended with their process. */
  get deaths(): number {
    return [...this.#ranges.values()].reduce(
      (sum, { begun, isScored }) => sum + Math.max(0, begun - Number(isScored)),
      0,
    )
  }

  /** @returns false: somebody else begins the same attempt at this moment */
  begin(attempt: Attempt): Promise<boolean> {
    return this.#store.create(this.#place(nameOf(attempt)), '')
  }

  /** The process has lived to tell that the attempt failed for another reason. */
  withdraw(attempt: Attempt): Promise<void> {
    return this.#store.remove(this.#place(nameOf(attempt)))
  }

  async readResults({ from, to }: RowRange): Promise<RowResult[]> {
    const blob = await this.#store.readWhole(this.#place(`lines-${from}-${to}`))
    if (!blob) throw new Error('the trail of a chunk was removed while it was followed')
    return JSON.parse(Buffer.from(blob.content).toString()) as RowResult[]
  }

  /** Written once; somebody else's results are as good. */
  async writeResults({ from, to }: RowRange, results: readonly RowResult[]): Promise<void> {
    await this.#store.create(this.#place(`lines-${from}-${to}`), JSON.stringify(results))
  }
}

function nameOf({ from, to, number }: Attempt): string {
  return `begun-${from}-${to}-${number}`
}
