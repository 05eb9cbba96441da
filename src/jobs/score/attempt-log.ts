/** What is known of the attempts at a chunk whose process has died, or that takes long: the blobs under `careful/`. */
import type { BlobStore } from '../blob-store.ts'
import { attemptBlob, type JobFolder } from '../layout.ts'
import type { RowResult } from '../row-scorer.ts'

/** Rows of a chunk, by their place in it: from `from`, up to but not with `to`. */
export interface RowRange {
  readonly from: number
  readonly to: number
}

/** One time that a range is scored. */
export interface Attempt extends RowRange {
  readonly number: number
}

interface RangeAttempts {
  /** Attempts of which nobody has seen an end. */
  begun: number
  /** Number of the last of them: withdrawn ones leave gaps. */
  last: number
  /** Milliseconds since 1970, by the clock of the storage; of the last of them. */
  begunAt: number
  isScored: boolean
}

export class AttemptLog {
  readonly #store: BlobStore
  readonly #place: (name: string) => ReturnType<typeof attemptBlob>
  readonly #ranges = new Map<string, RangeAttempts>()
  readonly #results = new Map<number, RowResult>()
  /** Rows whose results are in blobs. */
  readonly #kept = new Set<number>()

  /** Of a chunk of which nothing is known yet, or nothing wanted. */
  constructor(store: BlobStore, folder: JobFolder, part: number, chunk: number) {
    this.#store = store
    this.#place = name => attemptBlob(folder, part, chunk, name)
  }

  /** What others have left, with the results of rows. */
  async read(): Promise<void> {
    const { container, path: prefix } = this.#place('')
    const scored: RowRange[] = []
    for await (const { path, modifiedAt } of this.#store.list(container, prefix)) {
      const [kind, from, to, number] = path.slice(prefix.length).split('-')
      const range = { from: Number(from), to: Number(to) }
      const trail = this.of(range)
      if (kind === 'lines') {
        trail.isScored = true
        scored.push(range)
      } else {
        trail.begun++
        trail.last = Math.max(trail.last, Number(number))
        trail.begunAt = Math.max(trail.begunAt, modifiedAt)
      }
    }
    for (const range of scored) await this.#readResults(range)
  }

  async #readResults({ from, to }: RowRange): Promise<void> {
    const blob = await this.#store.readWhole(this.#place(`lines-${from}-${to}`))
    if (!blob) throw new Error('the trail of a chunk was removed while it was followed')
    const results = JSON.parse(Buffer.from(blob.content).toString()) as RowResult[]
    for (const [index, result] of results.entries()) {
      this.know(from + index, result)
      this.#kept.add(from + index)
    }
  }

  /** Of rows that have one. */
  resultsOf({ from, to }: RowRange): RowResult[] {
    return Array.from({ length: to - from }, (_, index) => this.#results.get(from + index) as RowResult)
  }

  /** @returns those without a result, by their place in the chunk */
  pendingRows({ from, to }: RowRange): number[] {
    return Array.from({ length: to - from }, (_, index) => from + index).filter(row => !this.#results.has(row))
  }

  of({ from, to }: RowRange): RangeAttempts {
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

  /** @param row  by its place in the chunk */
  know(row: number, result: RowResult): void {
    this.#results.set(row, result)
  }

  /**
   * Keeps what was found out in the range, for the next one who goes on; where that is all of it, in one blob that says so.
   * Written once; somebody else's results are as good.
   */
  async storeResults({ from, to }: RowRange): Promise<void> {
    const isAll = this.pendingRows({ from, to }).length === 0
    let begin = from
    for (let row = from; row <= to; row++) {
      if (row < to && this.#results.has(row) && (isAll || !this.#kept.has(row))) continue
      const results = this.resultsOf({ from: begin, to: row })
      if (row > begin) await this.#store.create(this.#place(`lines-${begin}-${row}`), JSON.stringify(results))
      begin = row + 1
    }
  }
}

function nameOf({ from, to, number }: Attempt): string {
  return `begun-${from}-${to}-${number}`
}
