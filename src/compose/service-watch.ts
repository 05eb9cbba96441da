import type { ServiceSwaps } from '../models/catalogue/service-swaps.ts'
import type { ModelStore } from '../models/repository/model-store.ts'
import { type StoreChange, StoreChanges, type StoreFiles } from '../models/repository/store-changes.ts'

interface WatchOptions {
  readonly store: ModelStore
  /** Changes the services. */
  readonly swaps: Pick<ServiceSwaps, 'load' | 'remove'>
  /** Names of the services whose scripts may import files that belong to no service. */
  readonly listScripted: () => readonly string[]
  readonly log: (line: string) => void
}

const pollMs = 500
/** Looking may take one part in so many of the time: a folder may be large or far away. */
const restFactor = 20

/**
 * Looks twice a second which files of services have changed, and has those services loaded again. It compares sizes and times
 * instead of asking the file system for events, which many mounted folders do not give. Only a change that two looks in a row
 * have seen is acted upon, so that no model is read while it is copied.
 */
export class ServiceWatch {
  readonly #options: WatchOptions
  #timer: NodeJS.Timeout | undefined
  #isStopped = false
  #isFailing = false

  constructor(options: WatchOptions) {
    this.#options = options
  }

  /**
   * @param known  the files that were there before the services were read
   * @param loaded  settles when the services have loaded for the first time; before that nothing is looked at
   */
  async start(known: Promise<StoreFiles>, loaded: Promise<unknown>): Promise<void> {
    try {
      const changes = new StoreChanges(await known)
      await loaded
      this.#lookAgain(changes, pollMs)
    } catch (failure) {
      this.#options.log(`changes of services are not noticed: ${(failure as Error).message}`)
    }
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  #lookAgain(changes: StoreChanges, afterMs: number): void {
    if (this.#isStopped) return
    this.#timer = setTimeout(async () => {
      const startedAt = performance.now()
      await this.#look(changes)
      this.#lookAgain(changes, Math.max(pollMs, restFactor * (performance.now() - startedAt)))
    }, afterMs)
    this.#timer.unref()
  }

  async #look(changes: StoreChanges): Promise<void> {
    const { store, log } = this.#options
    try {
      const files = await store.readFiles()
      if (this.#isStopped) return
      this.#isFailing = false
      for (const change of changes.observe(files)) this.#act(change)
    } catch (failure) {
      if (!this.#isFailing) log(`the folder of services cannot be read now: ${(failure as Error).message}`)
      this.#isFailing = true
    }
  }

  /** The swaps log what becomes of it. */
  #act(change: StoreChange): void {
    const { swaps, listScripted } = this.#options
    switch (change.kind) {
      case 'service':
        void swaps.load(change.name, change.files)
        return
      case 'service-removed':
        void swaps.remove(change.name)
        return
      case 'shared':
        for (const name of listScripted()) void swaps.load(name, change.files)
    }
  }
}
