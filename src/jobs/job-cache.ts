/** What never changes of a job, as this process has read it: a chunk needs it, and the chunks of a job are many. */
import type { JobFolder } from './layout.ts'
import type { PlanPart } from './plan-parts.ts'
import type { JobSpec } from './spec.ts'

/** A window of chunks lies in two parts of a plan; a part names the columns of a CSV, and so can have a megabyte. */
const mostSpecs = 64
const mostParts = 32

export class JobCache {
  readonly #specs = new Map<string, JobSpec>()
  readonly #parts = new Map<string, PlanPart>()

  /** To be compared with the job's state: with other times of creation they are of two jobs, of which one was removed. */
  spec(folder: JobFolder): JobSpec | undefined {
    return this.#specs.get(folder)
  }

  storeSpec(spec: JobSpec): void {
    keep(this.#specs, spec.folder, spec, mostSpecs)
  }

  /** @param read  undefined: not planned yet */
  async part(spec: JobSpec, part: number, read: () => Promise<PlanPart | undefined>): Promise<PlanPart | undefined> {
    const key = `${spec.folder} ${spec.createdAt} ${part}`
    const found = this.#parts.get(key) ?? (await read())
    if (found) keep(this.#parts, key, found, mostParts)
    return found
  }
}

/** What was used last is at the end. */
function keep<T>(kept: Map<string, T>, key: string, value: T, most: number): void {
  kept.delete(key)
  kept.set(key, value)
  if (kept.size > most) kept.delete(kept.keys().next().value as string)
}
