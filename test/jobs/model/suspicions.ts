import type { Call, JobProcess } from './job-process.ts'

/** The grace period of a row, minus a second, because the storage rounds times down. */
const graceMs = 59_000

interface Begun {
  readonly row: string
  readonly process: JobProcess
  readonly at: number
  /** The attempt failed without ending its process, which withdraws it. */
  isFailed: boolean
}

/**
 * Counts interruptions of attempts at a row alone: a death, a fault of the attempt log, or a wait too long to tell from a death. Three
 * of them may cost any row its prediction.
 */
export class Suspicions {
  readonly #counts = new Map<string, number>()
  #begun: Begun[] = []

  /** @param row  index in the chunk */
  of(chunk: number, row: number): number {
    return this.#counts.get(`${String(chunk).padStart(7, '0')} ${row}`) ?? 0
  }

  /** @param result  of a creation: the version written, or undefined if the blob was there */
  happened(call: Call, result: unknown, now: number): void {
    const row = rowOf(call)
    if (row === undefined) return
    const isBeginning = call.name === 'create' && call.target.includes('/begun-')
    if (!isBeginning) this.#begun = this.#begun.filter(each => each.row !== row || each.process !== call.process)
    else if (result !== undefined) this.#begun.push({ row, process: call.process, at: now, isFailed: false })
  }

  failed(call: Call): void {
    const row = rowOf(call)
    if (row !== undefined) this.#count(row)
    else if (call.name === 'score') {
      for (const begun of this.#begun) if (begun.process === call.process) begun.isFailed = true
    }
  }

  died(process: JobProcess): void {
    for (const { row } of this.#begun.filter(each => each.process === process)) this.#count(row)
    this.#begun = this.#begun.filter(each => each.process !== process)
  }

  /** @param calls  that have not happened yet */
  waited(now: number, calls: readonly Call[]): void {
    const isOld = ({ row, at, isFailed }: Begun) =>
      now - at >= graceMs && (!isFailed || calls.some(call => call.name === 'remove' && rowOf(call) === row))
    for (const { row } of this.#begun.filter(isOld)) this.#count(row)
    this.#begun = this.#begun.filter(each => !isOld(each))
  }

  #count(row: string): void {
    this.#counts.set(row, (this.#counts.get(row) ?? 0) + 1)
  }
}

/** @returns undefined when the call is not about an attempt at a single row */
function rowOf({ target }: Call): string | undefined {
  const [, chunk, from, to] = /\/careful\/\d+\/(\d+)\/(?:begun|lines)-(\d+)-(\d+)/.exec(target) ?? []
  return Number(to) - Number(from) === 1 ? `${chunk} ${from}` : undefined
}
