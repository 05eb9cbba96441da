import { ForcedRefresh } from './forced-refresh.ts'
import { KeyAuthorizer } from './key-authorizer.ts'
import { keySecretName, keyTypes, parseKeySecretName } from './key-names.ts'
import { KeyReader, type KeySource } from './key-reader.ts'
import { WrongKeyLimit } from './wrong-key-limit.ts'

/** Manages the keys of all services that are protected by keys. */
export class ServiceKeys {
  readonly #readers: ReadonlyMap<string, KeyReader>
  readonly #authorizers: ReadonlyMap<string, KeyAuthorizer>
  readonly #forcedRefresh: ForcedRefresh

  /** @param services  names of the services */
  constructor(services: readonly string[], source: KeySource) {
    const { clock, store } = source
    const limit = new WrongKeyLimit(clock)
    const forcedRefresh = new ForcedRefresh(clock, store.isLocal)
    this.#forcedRefresh = forcedRefresh
    this.#readers = new Map(services.map(service => [service, new KeyReader(service, source)]))
    this.#authorizers = new Map(
      [...this.#readers].map(([service, reader]) => [
        service,
        new KeyAuthorizer({ reader, forcedRefresh, limit, clock }),
      ]),
    )
  }

  /**
   * Reads all keys for the first time, and keeps them fresh from then on. Resolves within the timeout of a read and never
   * rejects: a failed read is retried in the background.
   */
  async load(): Promise<void> {
    await Promise.all([...this.#readers.values()].map(reader => reader.read()))
  }

  /** Secrets whose value is not a valid key and needs fixing: one line each, without the value. */
  get mistakes(): string[] {
    return [...this.#readers].flatMap(([service, { ring }]) =>
      keyTypes.flatMap(type => {
        const content = ring.content(type)
        return content?.kind === 'fault' && content.isMistake
          ? [`secret ${keySecretName(service, type)} ${content.fault}`]
          : []
      }),
    )
  }

  /** @throws Error for a service that is not protected by keys */
  authorizer(service: string): KeyAuthorizer {
    const authorizer = this.#authorizers.get(service)
    if (!authorizer) throw new Error(`service "${service}" is not protected by keys`)
    return authorizer
  }

  /** Reads the keys of a service at once when the vault reports a new version of one. Other secrets are ignored. */
  keysChanged(secretName: string): void {
    const key = parseKeySecretName(secretName)
    if (key) this.#readers.get(key.service)?.readAgain()
  }

  stop(): void {
    this.#forcedRefresh.stop()
    for (const reader of this.#readers.values()) reader.stop()
  }
}
