/** Chunks of one part of a plan that this process scores. */
interface PartInProgress {
  chunks: number
  /** A result was committed, and nobody has listed the part since. */
  isListingOwed: boolean
}

/** To be called once the result of a chunk exists, or is given up. @returns whether the part has to be listed now; false the second time */
export type LeavePart = (hasResult: boolean) => boolean

/**
 * The parts whose chunks this process scores. The process that commits a result has to list the part after it, because it may be the last one.
 * A listing costs more than a result, so of the chunks that a process scores at a time only the last one to leave lists their part.
 */
export class PartsInProgress {
  readonly #parts = new Map<string, PartInProgress>()

  /** Before a chunk is scored. @param part  names the part of a job */
  enter(part: string): LeavePart {
    const entry = this.#parts.get(part) ?? { chunks: 0, isListingOwed: false }
    entry.chunks++
    this.#parts.set(part, entry)
    let hasLeft = false
    return hasResult => {
      if (hasLeft) return false
      hasLeft = true
      return this.#leave(part, entry, hasResult)
    }
  }

  #leave(part: string, entry: PartInProgress, hasResult: boolean): boolean {
    if (hasResult) entry.isListingOwed = true
    if (--entry.chunks > 0) return false
    this.#parts.delete(part)
    return entry.isListingOwed
  }
}
