/** What this process has read of jobs and does not change: every chunk needs it. */

import type { InputFile } from './input-files.ts'
import { chunkKey } from './kept-chunks.ts'
import type { JobFolder } from './layout.ts'
import type { OpenJob } from './open-job.ts'
import type { PlanPart } from './plan-parts.ts'
import type { KnownResult } from './results.ts'
import type { JobSpec } from './spec.ts'

const maxSpecs = 64
/** A window of chunks lies in two parts of a plan. A part holds the column names of a CSV, up to a megabyte. */
const maxParts = 32
/** A list of files has up to some megabytes. */
const maxLists = 4
const maxOwn = 64
const maxSuspects = 256
/** The chunks of a window lie in several parts, of each of some jobs. */
const maxSeen = 256

/** What this process has seen of the results of a part. They may have been removed since. */
export interface SeenPart {
  /** Chunks that have a result. */
  readonly results: Set<number>
  /** Those of this process, by chunk. */
  readonly own: Map<number, KnownResult>
  isClosed: boolean
}

/** What this process knows of the failed rows of a job: no more than there are, unless it has counted a chunk twice. */
export interface KnownFailures {
  /** By the last look at all results. */
  seen: number
  /** In results that this process has committed since. */
  added: number
  /** As `clock.monotonicMs()`. */
  lookedAt: number
}

export class JobCache {
  readonly #specs = new Map<string, JobSpec>()
  readonly #opening = new Map<string, Promise<OpenJob | undefined>>()
  readonly #parts = new Map<string, PlanPart>()
  readonly #own = new Map<string, true>()
  readonly #suspects = new Map<string, true>()
  readonly #lists = new Map<string, readonly InputFile[]>()
  readonly #seen = new Map<string, SeenPart>()
  readonly #failures = new Map<string, KnownFailures>()

  /** Compare `createdAt` with the job's state: if they differ, the spec is that of a removed job with the same id. */
  spec(folder: JobFolder): JobSpec | undefined {
    return this.#specs.get(folder)
  }

  storeSpec(spec: JobSpec): void {
    storeLast(this.#specs, [spec.folder, spec], maxSpecs)
  }

  /** @param open  is not called while an earlier call for the job is under way, whose outcome is shared */
  openOnce(folder: JobFolder, open: () => Promise<OpenJob | undefined>): Promise<OpenJob | undefined> {
    const job = this.#opening.get(folder) ?? open().finally(() => this.#opening.delete(folder))
    this.#opening.set(folder, job)
    return job
  }

  async files(spec: JobSpec, read: () => Promise<readonly InputFile[]>): Promise<readonly InputFile[]> {
    const key = `${spec.folder} ${spec.createdAt}`
    const found = this.#lists.get(key) ?? (await read())
    storeLast(this.#lists, [key, found], maxLists)
    return found
  }

  /** @param read  returns undefined when the part is not planned yet */
  async part(spec: JobSpec, part: number, read: () => Promise<PlanPart | undefined>): Promise<PlanPart | undefined> {
    const key = partKey(spec, part)
    const found = this.#parts.get(key) ?? (await read())
    if (found) storeLast(this.#parts, [key, found], maxParts)
    return found
  }

  /** Keeps a part of a plan that this process has written. */
  storePart(spec: JobSpec, part: PlanPart): void {
    storeLast(this.#parts, [partKey(spec, part.part), part], maxParts)
  }

  /** Notes a chunk whose scoring this process begins without a message. */
  storeOwn(spec: JobSpec, chunk: number): void {
    storeLast(this.#own, [chunkKey(spec, chunk), true], maxOwn)
  }

  /** @returns whether the chunk was noted, the first time that it is asked for */
  takeOwn(spec: JobSpec, chunk: number): boolean {
    return this.#own.delete(chunkKey(spec, chunk))
  }

  /** Notes a chunk some of whose rows were in the model when an earlier process ended. */
  storeSuspect(spec: JobSpec, chunk: number): void {
    storeLast(this.#suspects, [chunkKey(spec, chunk), true], maxSuspects)
  }

  isSuspect(spec: JobSpec, chunk: number): boolean {
    return this.#suspects.has(chunkKey(spec, chunk))
  }

  /** @returns a record that the caller completes */
  seen(spec: JobSpec, part: number): SeenPart {
    const key = partKey(spec, part)
    const found = this.#seen.get(key) ?? { results: new Set(), own: new Map(), isClosed: false }
    storeLast(this.#seen, [key, found], maxSeen)
    return found
  }

  /** @returns a record that the caller completes */
  failures(spec: JobSpec): KnownFailures {
    const key = `${spec.folder} ${spec.createdAt}`
    const found = this.#failures.get(key) ?? { seen: 0, added: 0, lookedAt: Number.NEGATIVE_INFINITY }
    storeLast(this.#failures, [key, found], maxSpecs)
    return found
  }
}

function partKey({ folder, createdAt }: JobSpec, part: number): string {
  return `${folder} ${createdAt} ${part}`
}

/** Stores an entry as the most recently used one, and drops the oldest beyond `maxEntries`. */
function storeLast<T>(entries: Map<string, T>, [key, value]: [string, T], maxEntries: number): void {
  entries.delete(key)
  entries.set(key, value)
  if (entries.size > maxEntries) entries.delete(entries.keys().next().value as string)
}
