import type { ScoringService } from '../../inference/scoring-service.ts'

/** Keeps the number of services that are loaded on demand within a limit: those that have not been used for longest make room. */
export class LoadedServices {
  readonly #max: number
  readonly #onUnloaded: (service: ScoringService) => void
  /** The least recently used one first. */
  readonly #used = new Set<ScoringService>()

  constructor(max: number, onUnloaded: (service: ScoringService) => void) {
    this.#max = max
    this.#onUnloaded = onUnloaded
  }

  /** To be called whenever a service is used that loads on demand. */
  use(service: ScoringService): void {
    this.#used.delete(service)
    this.#used.add(service)
    if (this.#used.size > this.#max) this.#makeRoom(service)
  }

  /** To be called when a service has ended. */
  forget(service: ScoringService): void {
    this.#used.delete(service)
  }

  /** Services that are busy stay, so for a while there may be more than the limit. */
  #makeRoom(newest: ScoringService): void {
    for (const service of this.#used) {
      if (this.#used.size <= this.#max) return
      if (service === newest) continue
      const isLoaded = service.status !== 'idle'
      if (isLoaded && !service.unload()) continue
      this.#used.delete(service)
      if (isLoaded) this.#onUnloaded(service)
    }
  }
}
