import { ScoringError } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'

/** The app is ready as soon as `any` service can score and none is being loaded any more, or when `all` can. */
export type ReadyWhen = 'any' | 'all'

/** A change that is not served, because the service does not load with it. */
export interface RejectedChange {
  readonly reason: string
  /** ISO 8601. */
  readonly since: string
  /** SHA-256 of the `service.json` that was rejected; absent: it could not even be read. */
  readonly definition?: string | undefined
}

/**
 * The services that the app serves now, by name. A request looks its service up once and ends with what it got, so a service
 * can be replaced at any time. Names that callers send are only ever looked up, never joined to a path.
 */
export class ServiceCatalogue {
  readonly #services: Map<string, ScoringService>
  readonly #rejected = new Map<string, RejectedChange>()
  readonly #defaultName: string | undefined

  /** @param defaultName  the service behind `/score`; undefined: the only one, when there is one only */
  constructor(services: Iterable<ScoringService>, defaultName: string | undefined) {
    this.#services = new Map([...services].map(service => [service.name, service]))
    this.#defaultName = defaultName
  }

  /** Serves a service from now on. @returns the service of that name before */
  put(service: ScoringService): ScoringService | undefined {
    const previous = this.get(service.name)
    this.#rejected.delete(service.name)
    this.#services.set(service.name, service)
    return previous
  }

  /** Serves the service no longer. @returns what was served */
  remove(name: string): ScoringService | undefined {
    const removed = this.get(name)
    this.#services.delete(name)
    this.#rejected.delete(name)
    return removed
  }

  /** Goes on with the service as it is, although it has changed. */
  reject(name: string, change: RejectedChange): void {
    this.#rejected.set(name, change)
  }

  /** @returns why the newest files of a service are not served; undefined when they are */
  rejected(name: string): RejectedChange | undefined {
    return this.#rejected.get(name)
  }

  get(name: string): ScoringService | undefined {
    return this.#services.get(name)
  }

  /** @throws ScoringError SERVICE_UNKNOWN */
  find(name: string): ScoringService {
    const service = this.get(name)
    // The name is not repeated: it may be 300 characters of anything.
    if (!service) throw new ScoringError('SERVICE_UNKNOWN', 'There is no such service.')
    return service
  }

  /** @throws ScoringError SERVICE_UNKNOWN, saying how to choose one */
  findDefault(): ScoringService {
    const { defaultName } = this
    if (this.#services.size === 0) throw new ScoringError('SERVICE_UNKNOWN', 'There is no service yet.')
    if (defaultName === undefined) {
      throw new ScoringError(
        'SERVICE_UNKNOWN',
        'There is no default service: name one (over HTTP in the path, /api/v1/service/<service>/score; over gRPC in the message), or set SCORING_DEFAULT_SERVICE.',
      )
    }
    return this.find(defaultName)
  }

  /** The name of the service behind `/score`. */
  get defaultName(): string | undefined {
    return this.#defaultName ?? (this.#services.size === 1 ? [...this.#services.keys()][0] : undefined)
  }

  /** Sorted by name. */
  get all(): ScoringService[] {
    return [...this.#services.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** With `any`, a failed service does not hide the others from a load balancer. */
  isReady(when: ReadyWhen): boolean {
    const { all } = this
    if (when === 'all') return all.every(service => service.isReady)
    return all.every(({ status }) => status !== 'loading') && all.some(service => service.isReady)
  }
}
