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
  readonly #newId: () => string
  readonly #digests = new WeakMap<ServiceSpec, Promise<string>>()
  readonly #ids = new WeakMap<ServiceSpec, string>()

  /** @param newId  makes texts of which no two are the same, in whatever process */
  constructor(files: ServiceFiles, newId: () => string) {
    this.#files = files
    this.#newId = newId
  }

  /**
   * SHA-256, in hexadecimal, over names and contents of the service's files. Where those have changed since the service was
   * opened, they say nothing about its answers, and the digest is one that no other service has.
   *
   * @throws ScoringError SERVICE_UNKNOWN when its files cannot be read
   */
  async readDigest({ spec, files }: Pick<ScoringService, 'spec' | 'files'>): Promise<string> {
    if (!spec) throw new ScoringError('SERVICE_UNKNOWN', 'There is no such service.')
    const digest = await this.#digestOnce(spec, files)
    if (!files?.isAltered) return digest
    const id = this.#ids.get(spec) ?? this.#newId()
    this.#ids.set(spec, id)
    return createHash('sha256').update(id).digest('hex')
  }

  #digestOnce(spec: ServiceSpec, files: ScoringService['files']): Promise<string> {
    const cached = this.#digests.get(spec)
    if (cached) return cached
    const digest = this.#compute(spec, files)
    this.#digests.set(spec, digest)
    digest.catch(() => this.#digests.delete(spec)) // a retry may succeed
    return digest
  }

  async #compute(spec: ServiceSpec, files: ScoringService['files']): Promise<string> {
    const all = createHash('sha256')
    // Its files leave out service.json, which has weights.
    const deployed = Object.values(spec.deployments ?? {}).find(({ models }) => models === spec.models)
    if (deployed) all.update(JSON.stringify(deployed.definition))
    for (const name of await this.#files.list(spec)) {
      const content = createHash('sha256')
      for await (const piece of this.#files.read(spec, name)) content.update(piece)
      all.update(JSON.stringify([name, content.digest('hex')]))
    }
    await files?.verify()
    return all.digest('hex')
  }
}
