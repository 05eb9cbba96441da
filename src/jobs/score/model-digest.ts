import { createHash } from 'node:crypto'

/** The port to the files of services that determine their answers. */
export interface ServiceFiles {
  /**
   * @returns names with `/`, sorted by code units
   * @throws ScoringError SERVICE_UNKNOWN
   */
  list(service: string): Promise<string[]>
  read(service: string, name: string): AsyncIterable<Uint8Array>
}

/** Digests of services. Each is computed once, because a process keeps serving what it has loaded. */
export class ModelDigests {
  readonly #files: ServiceFiles
  readonly #digests = new Map<string, Promise<string>>()

  constructor(files: ServiceFiles) {
    this.#files = files
  }

  /**
   * SHA-256, in hexadecimal, over names and contents of the service's files.
   *
   * @throws ScoringError SERVICE_UNKNOWN
   */
  readDigest(service: string): Promise<string> {
    const cached = this.#digests.get(service)
    if (cached) return cached
    const digest = this.#compute(service)
    this.#digests.set(service, digest)
    digest.catch(() => this.#digests.delete(service)) // a retry may succeed
    return digest
  }

  async #compute(service: string): Promise<string> {
    const all = createHash('sha256')
    for (const name of await this.#files.list(service)) {
      const content = createHash('sha256')
      for await (const piece of this.#files.read(service, name)) content.update(piece)
      all.update(JSON.stringify([name, content.digest('hex')]))
    }
    return all.digest('hex')
  }
}
