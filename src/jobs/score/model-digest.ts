import { createHash } from 'node:crypto'
import { ScoringError } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import type { ServiceSpec } from '../../models/repository/service-spec.ts'

/** The port to the files of services that determine their answers. */
export interface ServiceFiles {
  /** @returns names with `/`, sorted by code units */
  list(spec: ServiceSpec): Promise<string[]>
  read(spec: ServiceSpec, name: string): AsyncIterable<Uint8Array>
}

/** Digests of services. Each is computed once, because a service keeps serving what it has loaded. */
export class ModelDigests {
  readonly #files: ServiceFiles
  readonly #digests = new WeakMap<ServiceSpec, Promise<string>>()

  constructor(files: ServiceFiles) {
    this.#files = files
  }

  /**
   * SHA-256, in hexadecimal, over names and contents of the service's files.
   *
   * @throws ScoringError SERVICE_UNKNOWN when its files cannot be read
   */
  async readDigest({ spec }: Pick<ScoringService, 'spec'>): Promise<string> {
    if (!spec) throw new ScoringError('SERVICE_UNKNOWN', 'There is no such service.')
    const cached = this.#digests.get(spec)
    if (cached) return cached
    const digest = this.#compute(spec)
    this.#digests.set(spec, digest)
    digest.catch(() => this.#digests.delete(spec)) // a retry may succeed
    return digest
  }

  async #compute(spec: ServiceSpec): Promise<string> {
    const all = createHash('sha256')
    for (const name of await this.#files.list(spec)) {
      const content = createHash('sha256')
      for await (const piece of this.#files.read(spec, name)) content.update(piece)
      all.update(JSON.stringify([name, content.digest('hex')]))
    }
    return all.digest('hex')
  }
}
