import { setTimeout as delay } from 'node:timers/promises'
import type { ServiceSwaps } from '../models/catalogue/service-swaps.ts'
import { describeUndefined, type ModelStore } from '../models/repository/model-store.ts'
import { SelfWrites } from '../models/repository/self-writes.ts'
import {
  type FileChange,
  isSameStore,
  type StoreChange,
  StoreChanges,
  type StoreFiles,
} from '../models/repository/store-changes.ts'

interface WatchOptions {
  readonly store: ModelStore
  /** Changes the services. */
  readonly swaps: Pick<ServiceSwaps, 'load' | 'remove'>
  /** Names of the services whose scripts may import files that belong to no service. */
  readonly listScripted: () => readonly string[]
  readonly log: (line: string) => void
  /** Milliseconds between two looks; absent: 500. */
  readonly pollMs?: number | undefined
}

const usualPollMs = 500
/** After a look that saw a change, the next one, which confirms it, comes sooner. */
const maxConfirmMs = 1000
/** A poll may take at most one part in so many of the time: a folder may be large, or on a slow network. */
const restFactor = 20
/** A service that loads for longer does not keep changes of the others from being noticed. */
const maxFirstLoadMs = 10_000
/** A file that a service writes while it loads has been seen twice by then. */
const maxAfterLoadMs = 4 * usualPollMs

/**
 * Polls which files of services have changed, and reloads those services. It compares sizes and times, or ETags,
 * instead of asking for events, which many mounted folders do not give. Only a change that two polls in a row
 * have seen is acted upon, so that no model is read while it is copied.
 */
export class ServiceWatch {
  readonly #options: WatchOptions
  readonly #selfWrites = new SelfWrites()
  /** When the last load of a service ended; undefined: it is under way. */
  readonly #loadedAt = new Map<string, number | undefined>()
  #timer: NodeJS.Timeout | undefined
  #isStopped = false
  #isFailing = false
  #last: StoreFiles | undefined

  constructor(options: WatchOptions) {
    this.#options = options
  }

  /**
   * @param known  the files that were there before the services were read
   * @param loaded  settles when the services have loaded for the first time; the first poll waits for that, up to 10 s
   */
  async start(known: Promise<StoreFiles>, loaded: Promise<unknown>): Promise<void> {
    try {
      this.#last = await known
      const changes = new StoreChanges(this.#last)
      await Promise.race([loaded, delay(maxFirstLoadMs, undefined, { ref: false })])
      this.#schedulePoll(changes, this.#pollMs)
    } catch (failure) {
      this.#options.log(`changes of services are not noticed: ${(failure as Error).message}`)
    }
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  #schedulePoll(changes: StoreChanges, afterMs: number): void {
    if (this.#isStopped) return
    this.#timer = setTimeout(async () => {
      const startedAt = performance.now()
      const isMoving = await this.#poll(changes)
      const restMs = isMoving ? Math.min(this.#pollMs, maxConfirmMs) : this.#pollMs
      this.#schedulePoll(changes, Math.max(restMs, restFactor * (performance.now() - startedAt)))
    }, afterMs)
    this.#timer.unref()
  }

  get #pollMs(): number {
    return this.#options.pollMs ?? usualPollMs
  }

  /** @returns whether something differs from what the look before saw */
  async #poll(changes: StoreChanges): Promise<boolean> {
    const { store, log } = this.#options
    try {
      const all = await store.readFiles()
      if (this.#isStopped) return false
      this.#isFailing = false
      const select = store.selectServed?.bind(store)
      for (const change of changes.observe(this.#selfWrites.filter(all), select)) this.#act(change)
      changes.leaveOut(files => this.#selfWrites.filter(files))
      const isMoving = this.#last !== undefined && !isSameStore(this.#last, all)
      this.#last = all
      return isMoving
    } catch (failure) {
      if (!this.#isFailing) log(`the services cannot be read now: ${(failure as Error).message}`)
      this.#isFailing = true
      return false
    }
  }

  /** The swaps log what becomes of it. */
  #act(change: StoreChange): void {
    const { swaps, listScripted, log } = this.#options
    switch (change.kind) {
      case 'service':
        void this.#load(change.name, change.files)
        return
      case 'service-removed':
        void swaps.remove(change.name)
        return
      case 'shared':
        for (const name of listScripted()) void swaps.load(name, change.files)
        return
      case 'undefined-service':
        log(describeUndefined(change.name))
    }
  }

  async #load(name: string, files: ReadonlyMap<string, FileChange>): Promise<void> {
    const { swaps, log } = this.#options
    const endedAt = this.#loadedAt.get(name)
    const isLoading = this.#loadedAt.has(name) && endedAt === undefined
    const isFromLoad = isLoading || performance.now() - (endedAt ?? Number.NEGATIVE_INFINITY) < maxAfterLoadMs
    if (this.#selfWrites.observe(name, files, isFromLoad)) {
      const names = [...files.keys()].join(', ')
      return log(
        `[${name}] ${names} changed each time that the service was loaded; changes of it are ignored from now on`,
      )
    }
    this.#loadedAt.set(name, undefined)
    await swaps.load(name, files)
    this.#loadedAt.set(name, performance.now())
  }
}
