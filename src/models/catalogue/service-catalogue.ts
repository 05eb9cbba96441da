import { ScoringError } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'

/** The app is ready as soon as `any` service can score and none is being loaded any more, or when `all` can. */
export type ReadyWhen = 'any' | 'all'

/** The services of the app by name. Names that callers send are only ever looked up, never joined to a path. */
export class ServiceCatalogue {
  readonly #services: ReadonlyMap<string, ScoringService>
  readonly #defaultName: string | undefined

  /** @param defaultName  the service behind `/score`; undefined: the only one, when there is one only */
  constructor(services: ReadonlyMap<string, ScoringService>, defaultName: string | undefined) {
    this.#services = services
    this.#defaultName = defaultName ?? (services.size === 1 ? [...services.keys()][0] : undefined)
  }

  /** @throws ScoringError SERVICE_UNKNOWN */
  find(name: string): ScoringService {
    const service = this.#services.get(name)
    // The name is not repeated: it may be 300 characters of anything.
    if (!service) throw new ScoringError('SERVICE_UNKNOWN', 'There is no such service.')
    return service
  }

  /** @throws ScoringError SERVICE_UNKNOWN, saying how to choose one */
  findDefault(): ScoringService {
    if (this.#defaultName === undefined) {
      throw new ScoringError(
        'SERVICE_UNKNOWN',
        'There is no default service: set SCORING_DEFAULT_SERVICE, or call /api/v1/service/<service>/score.',
      )
    }
    return this.find(this.#defaultName)
  }

  get all(): ScoringService[] {
    return [...this.#services.values()]
  }

  /** With `any`, a failed service does not hide the others from a load balancer. */
  isReady(when: ReadyWhen): boolean {
    const { all } = this
    if (when === 'all') return all.every(service => service.isReady)
    return all.every(({ status }) => status !== 'loading') && all.some(({ isReady }) => isReady)
  }
}
