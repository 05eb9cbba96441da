import { listNotes } from '../../inference/describe-service.ts'
import { drainService } from '../../inference/drain-service.ts'
import { describeLoad } from '../../inference/load-report-line.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import type { FileChange } from '../repository/store-changes.ts'
import type { ServiceCatalogue } from './service-catalogue.ts'

export interface SwapOptions {
  readonly catalogue: ServiceCatalogue
  /**
   * Opens the service as it is now, and begins to load it, unless it loads on demand.
   *
   * @param changed  paths of the files that differ from those that are served
   * @throws Error with the reason when it cannot even be opened
   */
  open(name: string, changed: ReadonlySet<string>): Promise<ScoringService>
  /** Called after each change of the catalogue. @param served  undefined: the service is gone */
  onServed?(name: string, served: ScoringService | undefined): void
  /** Called when a change is served from now on, or is not, because the service does not load with it. */
  onChanged?(name: string, outcome: 'switched' | 'rejected'): void
  /** Rejected changes are tried again after this time, and later after longer ones; absent: only what changes is. */
  readonly retryMs?: number | undefined
  log(line: string): void
  logFailure(line: string): void
  /** Milliseconds of a clock that never jumps. */
  now(): number
  /** The time of day. */
  readonly date?: () => Date
}

/** A change to make. A newer one replaces one that is not made yet. */
type Change = { readonly kind: 'load'; readonly files: ChangedFiles } | { readonly kind: 'remove' }

/** What has changed, for the log. */
type ChangedFiles = ReadonlyMap<string, FileChange>

/** The changes of one service, one after the other. */
interface Swap {
  pending: Change | undefined
  /** Aborted when a newer change is pending. */
  superseded: AbortController
  done: Promise<void>
}

/** A change that is not served. */
interface Rejected {
  readonly files: ChangedFiles
  readonly reason: string
  readonly timer: NodeJS.Timeout | undefined
  /** How long the next try has to wait. */
  readonly waitMs: number | undefined
}

const maxRetryMs = 900_000
/** A request may be read for minutes before it is queued, and then has the time limit of the service. */
const maxReadMs = 120_000
/** Files that one line of the log names. */
const maxNamed = 3

/**
 * Replaces services while they are called: the new one is opened, loaded and warmed up, then served, and the old one ends when
 * the requests that have come to it are answered. One that cannot be loaded replaces none that can score. The changes of a
 * service follow each other, and a load is given up when a newer change comes, so the newest is served in the end.
 */
export class ServiceSwaps {
  readonly #options: SwapOptions
  readonly #swaps = new Map<string, Swap>()
  /** Services that are not served: those that load, and those that have requests left. */
  readonly #beside = new Set<ScoringService>()
  /** Changes that are not served, by service. */
  readonly #rejected = new Map<string, Rejected>()
  #isStopped = false

  constructor(options: SwapOptions) {
    this.#options = options
  }

  /**
   * Loads a service that is new or has changed.
   *
   * @returns settles when neither this nor a newer change is under way
   */
  load(name: string, files: ChangedFiles): Promise<void> {
    return this.#change(name, { kind: 'load', files })
  }

  remove(name: string): Promise<void> {
    return this.#change(name, { kind: 'remove' })
  }

  /** Ends what is loaded or drained beside the services of the catalogue; nothing is changed any more. */
  async stop(): Promise<void> {
    this.#isStopped = true
    for (const { timer } of this.#rejected.values()) clearTimeout(timer)
    for (const { superseded } of this.#swaps.values()) superseded.abort()
    await Promise.all([...this.#beside].map(service => this.#end(service)))
    await Promise.all([...this.#swaps.values()].map(({ done }) => done))
  }

  #change(name: string, change: Change): Promise<void> {
    const current = this.#swaps.get(name)
    if (current) {
      current.pending = current.pending ? unite(current.pending, change) : change
      current.superseded.abort()
      return current.done
    }
    const swap: Swap = { pending: change, superseded: new AbortController(), done: Promise.resolve() }
    this.#swaps.set(name, swap)
    swap.done = this.#run(name, swap)
    return swap.done
  }

  async #run(name: string, swap: Swap): Promise<void> {
    while (swap.pending && !this.#isStopped) {
      const { pending: change } = swap
      swap.pending = undefined
      swap.superseded = new AbortController()
      const isMade = change.kind === 'remove' ? this.#remove(name) : await this.#load(name, change.files, swap)
      if (!isMade && swap.pending) swap.pending = unite(change, swap.pending)
    }
    this.#swaps.delete(name) // in the same turn as the last check for a pending change
  }

  #remove(name: string): true {
    const { catalogue, log, onServed } = this.#options
    this.#forgetRejected(name)
    const removed = this.#noteDefault(name, () => catalogue.remove(name))
    if (removed) {
      onServed?.(name, undefined)
      this.#drain(removed)
      log(`[${name}] removed`)
    }
    return true
  }

  /** @returns false when it was given up for a newer change */
  async #load(name: string, files: ChangedFiles, { superseded: { signal } }: Swap): Promise<boolean> {
    const { catalogue, open, onServed, log, logFailure, now } = this.#options
    const startedAt = now()
    let candidate: ScoringService
    try {
      candidate = await open(name, new Set([...files.keys(), ...(this.#rejected.get(name)?.files.keys() ?? [])]))
    } catch (failure) {
      this.#reject(name, files, (failure as Error).message)
      return true
    }
    this.#beside.add(candidate)
    const isNew = !catalogue.get(name)
    const failure = isNew && candidate.status === 'idle' ? undefined : await settled(candidate, signal)
    if (signal.aborted) {
      void this.#end(candidate)
      return false
    }
    const previous = catalogue.get(name)
    if (failure !== undefined && previous && previous.status !== 'failed') {
      this.#reject(name, files, failure, candidate.spec?.definitionDigest)
      await this.#end(candidate)
      return true
    }
    if (failure !== undefined) logFailure(`[${name}] ${describeFailure(files, previous, failure)}`)
    this.#forgetRejected(name)
    this.#noteDefault(name, () => catalogue.put(candidate))
    candidate.deployments?.takeOver(previous?.deployments)
    this.#beside.delete(candidate)
    onServed?.(name, candidate)
    if (previous) this.#drain(previous)
    if (failure !== undefined) return true
    this.#options.onChanged?.(name, 'switched')
    log(`[${name}] ${describeChange(files, previous)}: ${describeReady(candidate, previous, now() - startedAt)}`)
    const known = new Set(previous && listNotes(previous))
    for (const note of listNotes(candidate)) if (!known.has(note)) log(`[${name}] ${note}`)
    return true
  }

  /** Goes on with what is served. */
  #reject(name: string, files: ChangedFiles, reason: string, definition?: string): void {
    const { catalogue, logFailure, onChanged, retryMs, date = () => new Date() } = this.#options
    const before = this.#rejected.get(name)
    clearTimeout(before?.timer)
    const all = new Map([...(before?.files ?? []), ...files])
    const isRepeated = before?.reason === reason && [...files.keys()].every(path => before.files.has(path))
    if (!isRepeated) {
      logFailure(`[${name}] ${describeFailure(files, catalogue.get(name), reason)}`)
      onChanged?.(name, 'rejected')
      if (catalogue.get(name))
        catalogue.reject(name, { reason, since: date().toISOString(), ...(definition !== undefined && { definition }) })
    }
    const waitMs = before?.waitMs ?? retryMs
    const retry = () => void this.load(name, all)
    const timer = waitMs === undefined || this.#isStopped ? undefined : setTimeout(retry, waitMs).unref()
    const next = waitMs === undefined ? undefined : Math.min(maxRetryMs, 2 * waitMs)
    this.#rejected.set(name, { files: all, reason, timer, waitMs: isRepeated ? next : retryMs })
  }

  #forgetRejected(name: string): void {
    clearTimeout(this.#rejected.get(name)?.timer)
    this.#rejected.delete(name)
  }

  /** Logs it when a change of the catalogue has changed what `/score` means. */
  #noteDefault<T>(name: string, change: () => T): T {
    const { catalogue, log } = this.#options
    const before = catalogue.defaultName
    const result = change()
    const after = catalogue.defaultName
    if (after !== before) {
      const what =
        after === undefined ? 'there is no default service any more: set SCORING_DEFAULT_SERVICE' : `it is "${after}"`
      log(`[${name}] the service behind /score: ${what}`)
    }
    return result
  }

  #drain(service: ScoringService): void {
    this.#beside.add(service)
    void this.#settle(service, drainService(service, maxReadMs + service.definition.limits.timeoutMs))
  }

  #end(service: ScoringService): Promise<void> {
    return this.#settle(service, service.stop())
  }

  async #settle(service: ScoringService, end: Promise<void>): Promise<void> {
    try {
      await end
    } catch (failure) {
      this.#options.logFailure(`[${service.name}] ${(failure as Error).message}`)
    }
    this.#beside.delete(service)
  }
}

/** A load that was given up and the newer change are one change, by all of their files. */
function unite(older: Change, newer: Change): Change {
  if (older.kind === 'remove' || newer.kind === 'remove') return newer
  return { kind: 'load', files: new Map([...older.files, ...newer.files]) }
}

/** Resolves when the service has loaded, cannot be loaded, or is superseded. @returns why it cannot be loaded */
async function settled(service: ScoringService, signal: AbortSignal): Promise<string | undefined> {
  const { promise: aborted, resolve } = Promise.withResolvers<undefined>()
  signal.addEventListener('abort', () => resolve(undefined), { once: true })
  if (signal.aborted) return undefined
  const loaded = service.load().then(
    () => undefined,
    (failure: Error) => failure.message,
  )
  return Promise.race([loaded, aborted])
}

/** `score.ts changed`, or `new service`. */
function describeChange(files: ChangedFiles, previous: ScoringService | undefined): string {
  if (!previous) return 'new service'
  const names = [...files.keys()]
  const more = names.length > maxNamed ? ` and ${names.length - maxNamed} more` : ''
  const [kind, ...others] = new Set(files.values())
  return `${names.slice(0, maxNamed).join(', ')}${more} ${others.length > 0 ? 'changed' : kind}`
}

function describeFailure(files: ChangedFiles, previous: ScoringService | undefined, reason: string): string {
  const what = describeChange(files, previous)
  if (!previous) return `${what}, but it does not load: ${reason}`
  if (previous.status === 'failed') return `${what}, but it still does not load: ${reason}`
  return `${what}, but it does not load; the previous one is still served: ${reason}`
}

/** `version 2 ready after 210 ms`; with inputs and outputs where there was no service that could score. */
function describeReady(service: ScoringService, previous: ScoringService | undefined, ms: number): string {
  const { report, version, deployments } = service
  const took = `ready after ${Math.round(ms)} ms`
  if (report && !previous?.report) return `${took}: ${describeLoad(report, version)}`
  if (deployments) {
    const shares = deployments.all.map(
      each => `${each.name} ${each.weight} % (version ${each.service.version ?? 'none'})`,
    )
    return `${shares.join(', ')} ${took}`
  }
  return version === undefined ? took : `version ${version} ${took}`
}
