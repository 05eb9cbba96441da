import type { Call, JobProcess } from './job-process.ts'

/** Shorter by the second that times of blobs are rounded down by than the grace that a row has. */
const graceMs = 59_000

interface Begun {
  readonly row: string
  readonly process: JobProcess
  readonly at: number
  /** Its process has lived to see it fail, and takes the attempt back. */
  isFailed: boolean
}

/**
 * How often something came between the beginning and the end of a row that was scored alone: a death, a fault of the trail
 * itself, or so long a wait that nobody could tell it from a death. Three of them may cost an innocent row its answer.
 */
export class Suspicions {
  readonly #counts = new Map<string, number>()
  #begun: Begun[] = []

  /** @param row  of a chunk, by its place in it */
  of(chunk: number, row: number): number {
    return this.#counts.get(`${String(chunk).padStart(7, '0')} ${row}`) ?? 0
  }

  happened(call: Call, result: unknown, now: number): void {
    const row = rowOf(call)
    if (row === undefined) return
    const isBeginning = call.name === 'create' && call.target.includes('/begun-')
    if (!isBeginning) this.#begun = this.#begun.filter(each => each.row !== row || each.process !== call.process)
    else if (result === true) this.#begun.push({ row, process: call.process, at: now, isFailed: false })
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

/** @returns undefined: it is not about the trail of a row alone */
function rowOf({ target }: Call): string | undefined {
  const [, chunk, from, to] = /\/careful\/\d+\/(\d+)\/(?:begun|lines)-(\d+)-(\d+)/.exec(target) ?? []
  return Number(to) - Number(from) === 1 ? `${chunk} ${from}` : undefined
}
