/** The attempts at a chunk that may have ended a process, or that takes several runs: the blobs under `careful/`. */
import { type BlobReference, type BlobStore, readJson } from '../blob-store.ts'
import { attemptBlob, type JobFolder } from '../layout.ts'
import type { RowResult } from '../row-scorer.ts'

/** Rows of a chunk by index, from `from` up to but not including `to`. */
export interface RowRange {
  readonly from: number
  readonly to: number
}

/** One attempt to score a range. */
export interface Attempt extends RowRange {
  readonly number: number
}

interface RangeAttempts {
  /** Attempts that have not been withdrawn. */
  begun: number
  /** Highest number of them. Withdrawn ones leave gaps. */
  last: number
  /** When the last of them began: milliseconds since 1970, by the clock of the storage. */
  begunAt: number
  /** Process ends of which it is known that the range was in the model then. */
  died: number
  isScored: boolean
}

const untried: RangeAttempts = { begun: 0, last: 0, begunAt: Number.NEGATIVE_INFINITY, died: 0, isScored: false }

export interface ChunkAddress {
  readonly folder: JobFolder
  readonly part: number
  readonly chunk: number
}

export class AttemptLog {
  readonly #store: BlobStore
  readonly #blob: (name: string) => BlobReference
  readonly #ranges = new Map<string, RangeAttempts>()
  readonly #results = new Map<number, RowResult>()
  /** Rows whose results are in blobs. */
  readonly #stored = new Set<number>()

  /** Starts empty; `read` loads what earlier runs have written. */
  constructor(store: BlobStore, { folder, part, chunk }: ChunkAddress) {
    this.#store = store
    this.#blob = name => attemptBlob(folder, part, chunk, name)
  }

  async read(): Promise<void> {
    const { container, path: prefix } = this.#blob('')
    const scored: RowRange[] = []
    for await (const { path, modifiedAt } of this.#store.list(container, prefix)) {
      const [kind, from, to, number] = path.slice(prefix.length).split('-')
      const range = { from: Number(from), to: Number(to) }
      const attempts = this.at(range)
      if (kind === 'lines') {
        attempts.isScored = true
        scored.push(range)
      } else if (kind === 'died') {
        attempts.died++
      } else {
        attempts.begun++
        attempts.last = Math.max(attempts.last, Number(number))
        attempts.begunAt = Math.max(attempts.begunAt, modifiedAt)
      }
    }
    for (const range of scored) await this.#readResults(range)
  }

  async #readResults({ from, to }: RowRange): Promise<void> {
    const stored = await readJson<RowResult[]>(this.#store, this.#blob(`lines-${from}-${to}`))
    if (!stored) throw new Error('the attempt log of a chunk was removed while it was read')
    for (const [index, result] of stored.value.entries()) {
      this.setResult(from + index, result)
      this.#stored.add(from + index)
    }
  }

  /** The results of a range in which every row has one. */
  results({ from, to }: RowRange): RowResult[] {
    return Array.from({ length: to - from }, (_, index) => this.#results.get(from + index) as RowResult)
  }

  /** @returns indexes of the rows without a result */
  pendingRows({ from, to }: RowRange): number[] {
    return Array.from({ length: to - from }, (_, index) => from + index).filter(row => !this.#results.has(row))
  }

  at({ from, to }: RowRange): RangeAttempts {
    const key = `${from}-${to}`
    const attempts = this.#ranges.get(key) ?? { ...untried }
    this.#ranges.set(key, attempts)
    return attempts
  }

  /** Records that a process has ended while it scored the rows of the range. */
  async recordDeath({ from, to }: RowRange): Promise<void> {
    for (let number = 1; !(await this.#store.create(this.#blob(`died-${from}-${to}-${number}`), '')); number++);
  }

  /** Process ends of which it is known that these rows, among others perhaps, were in the model then. */
  deathsWith({ from, to }: RowRange): number {
    return [...this.#rangesDied()].reduce(
      (sum, range) => sum + (range.from <= from && to <= range.to ? range.died : 0),
      0,
    )
  }

  /** Cuts a range so that each part was in the model as a whole, or not at all, when a process ended. */
  *cut({ from, to }: RowRange): Generator<RowRange> {
    const inside = [...this.#rangesDied()].flatMap(each => [each.from, each.to]).filter(row => from < row && row < to)
    const ends = [...new Set([...inside, to])].sort((one, other) => one - other)
    let start = from
    for (const end of ends) {
      yield { from: start, to: end }
      start = end
    }
  }

  *#rangesDied(): Generator<RowRange & { readonly died: number }> {
    for (const [key, { died }] of this.#ranges) {
      const [from = 0, to = 0] = key.split('-').map(Number)
      if (died > 0) yield { from, to, died }
    }
  }

  /** Attempts that seem to have ended with their process. */
  get deaths(): number {
    return [...this.#ranges.values()].reduce(
      (sum, { begun, isScored }) => sum + Math.max(0, begun - Number(isScored)),
      0,
    )
  }

  /** @returns false when another process begins the same attempt at this moment */
  async begin(attempt: Attempt): Promise<boolean> {
    return (await this.#store.create(this.#blob(attemptName(attempt)), '')) !== undefined
  }

  /** Removes an attempt that failed without ending its process. */
  withdraw(attempt: Attempt): Promise<void> {
    return this.#store.remove(this.#blob(attemptName(attempt)))
  }

  setResult(row: number, result: RowResult): void {
    this.#results.set(row, result)
  }

  /**
   * Stores new results of the range for the next run; once the range is complete, all of them in one blob. A blob that exists
   * is left alone, because results of another process are as good.
   */
  async storeResults({ from, to }: RowRange): Promise<void> {
    const isComplete = this.pendingRows({ from, to }).length === 0
    let begin = from
    for (let row = from; row <= to; row++) {
      if (row < to && this.#results.has(row) && (isComplete || !this.#stored.has(row))) continue
      const results = this.results({ from: begin, to: row })
      if (row > begin) await this.#store.create(this.#blob(`lines-${begin}-${row}`), JSON.stringify(results))
      begin = row + 1
    }
  }
}

function attemptName({ from, to, number }: Attempt): string {
  return `begun-${from}-${to}-${number}`
}
