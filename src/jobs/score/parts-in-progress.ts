/** What this process scores of one part of a plan. */
interface PartInProgress {
  /** How often each chunk is being scored: a message may come twice. */
  readonly runs: Map<number, number>
  /** A result was committed, and nobody has listed the part since. */
  isListingOwed: boolean
}

/** To be called once the result of a chunk exists, or is given up. @returns whether the part has to be listed now; false the second time */
export type LeavePart = (hasResult: boolean) => boolean

/**
 * The parts whose chunks this process scores. The process that commits a result has to list the part after it, because it may be the last one.
 * A listing costs more than a result, so of the chunks that a process scores at a time only the last one to leave lists their part. It is
 * not left to another run of the same chunk: both may have the same message, and when that is done nobody repeats what fails.
 */
export class PartsInProgress {
  readonly #parts = new Map<string, PartInProgress>()

  /** Before a chunk is scored. @param part  names the part of a job */
  enter(part: string, chunk: number): LeavePart {
    const entry = this.#parts.get(part) ?? { runs: new Map(), isListingOwed: false }
    entry.runs.set(chunk, (entry.runs.get(chunk) ?? 0) + 1)
    this.#parts.set(part, entry)
    let hasLeft = false
    return hasResult => {
      if (hasLeft) return false
      hasLeft = true
      if (hasResult) entry.isListingOwed = true
      return this.#leave(part, chunk, entry)
    }
  }

  #leave(part: string, chunk: number, entry: PartInProgress): boolean {
    const { runs, isListingOwed } = entry
    const left = (runs.get(chunk) ?? 1) - 1
    if (left > 0) runs.set(chunk, left)
    else runs.delete(chunk)
    if (runs.size === 0) this.#parts.delete(part)
    const hasOthers = runs.size > (left > 0 ? 1 : 0)
    if (hasOthers) return false
    entry.isListingOwed = false
    return isListingOwed
  }
}
