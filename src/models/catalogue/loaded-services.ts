import type { ScoringService } from '../../inference/scoring-service.ts'

/** Why a service was unloaded: there are too many, their models are too large, or the process has little memory left. */
export type UnloadReason = 'count' | 'bytes' | 'memory'

interface LoadedLimits {
  readonly maxCount: number
  /** Of all together, as `loading` was told; one alone may have more. */
  readonly maxBytes: number
  /** Whether the process has little memory left. */
  readonly isMemoryShort: () => boolean
  readonly onUnloaded: (service: ScoringService, reason: UnloadReason) => void
}

/** Keeps the services that are loaded on demand within limits: those that have not been used for longest make room. */
export class LoadedServices {
  readonly #limits: LoadedLimits
  /** The bytes that each needs, 0 until they are known. The least recently used one first. */
  readonly #used = new Map<ScoringService, number>()
  #bytes = 0

  constructor(limits: LoadedLimits) {
    this.#limits = limits
  }

  /** To be called whenever a service is used that loads on demand. */
  use(service: ScoringService): void {
    const bytes = this.#used.get(service) ?? 0
    this.#used.delete(service)
    this.#used.set(service, bytes)
    this.#keepLimits(service)
  }

  /** To be called when such a service begins to load. @param bytes  about what it will need */
  loading(service: ScoringService, bytes: number): void {
    this.#bytes += bytes - (this.#used.get(service) ?? 0)
    this.#used.set(service, bytes)
    this.#keepLimits(service)
    // What is unloaded is not given back to the system at once, so that the next look would find as little memory.
    if (this.#limits.isMemoryShort()) this.#free(bytes, service)
  }

  /** To be called when a service has ended. */
  forget(service: ScoringService): void {
    this.#bytes -= this.#used.get(service) ?? 0
    this.#used.delete(service)
  }

  /** Services that are busy stay, so for a while there may be more than the limits. */
  #keepLimits(newest: ScoringService): void {
    const { maxCount, maxBytes } = this.#limits
    for (const service of this.#used.keys()) {
      const reason = this.#used.size > maxCount ? 'count' : this.#bytes > maxBytes ? 'bytes' : undefined
      if (!reason) return
      if (service !== newest) this.#unload(service, reason)
    }
  }

  #free(bytes: number, newest: ScoringService): void {
    const enough = this.#bytes - bytes
    for (const service of this.#used.keys()) {
      if (this.#bytes <= enough) return
      if (service !== newest) this.#unload(service, 'memory')
    }
  }

  #unload(service: ScoringService, reason: UnloadReason): void {
    const isLoaded = service.status !== 'idle'
    if (isLoaded && !service.unload()) return
    this.forget(service)
    if (isLoaded) this.#limits.onUnloaded(service, reason)
  }
}
