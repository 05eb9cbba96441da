import { ForcedRefresh } from './forced-refresh.ts'
import { KeyAuthorizer } from './key-authorizer.ts'
import { keySecretName, keyTypes, parseKeySecretName } from './key-names.ts'
import { KeyReader, type KeySource } from './key-reader.ts'
import { WrongKeyLimit } from './wrong-key-limit.ts'

/** The keys of all services that are opened by keys. */
export class ServiceKeys {
  readonly #readers: ReadonlyMap<string, KeyReader>
  readonly #authorizers: ReadonlyMap<string, KeyAuthorizer>
  readonly #early: ForcedRefresh

  /** @param services  their names */
  constructor(services: readonly string[], source: KeySource) {
    const { clock, store } = source
    const limit = new WrongKeyLimit(clock)
    this.#early = new ForcedRefresh(clock, store.isLocal)
    this.#readers = new Map(services.map(service => [service, new KeyReader(service, source)]))
    this.#authorizers = new Map(
      [...this.#readers].map(([service, reader]) => [service, new KeyAuthorizer(reader, this.#early, limit, clock)]),
    )
  }

  /**
   * Reads all keys for the first time, and from then on in the background. Ends within the deadline of a read; never
   * rejects: a vault that does not answer is asked again.
   */
  async load(): Promise<void> {
    await Promise.all([...this.#readers.values()].map(reader => reader.read()))
  }

  /** Secrets whose value can be no key, so that somebody has to mend them: one line each, without the value. */
  get mistakes(): string[] {
    return [...this.#readers].flatMap(([service, { ring }]) =>
      keyTypes.flatMap(type => {
        const content = ring.content(type)
        const isMistake = content !== undefined && 'fault' in content && content.isMistake
        return isMistake ? [`secret ${keySecretName(service, type)} ${content.fault}`] : []
      }),
    )
  }

  /** @throws Error for a service that is not opened by keys */
  authorizer(service: string): KeyAuthorizer {
    const authorizer = this.#authorizers.get(service)
    if (!authorizer) throw new Error(`service "${service}" is not opened by keys`)
    return authorizer
  }

  /** The vault tells that a secret has a new version: its service's keys are read at once. Other secrets are ignored. */
  keysChanged(secretName: string): void {
    const owner = parseKeySecretName(secretName)
    if (owner) this.#readers.get(owner.service)?.readAgain()
  }

  stop(): void {
    this.#early.stop()
    for (const reader of this.#readers.values()) reader.stop()
  }
}
