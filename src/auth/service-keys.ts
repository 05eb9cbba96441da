import { ServiceLoadError } from '../errors.ts'
import { ForcedRefresh } from './forced-refresh.ts'
import { KeyAuthorizer } from './key-authorizer.ts'
import { keySecretName, keyTypes, parseKeySecretName } from './key-names.ts'
import { KeyReader, type KeySource, type VaultState } from './key-reader.ts'
import { WrongKeyLimit } from './wrong-key-limit.ts'

interface ServiceKey {
  readonly reader: KeyReader
  readonly authorizer: KeyAuthorizer
}

/** Services whose keys are read at a time that nobody waits for: requests come before them. */
const parallelReads = 4

/** Manages the keys of all services that are protected by keys. Services may come and go. */
export class ServiceKeys {
  readonly #source: KeySource
  readonly #vault: VaultState = { isAnswering: false }
  readonly #services = new Map<string, ServiceKey>()
  readonly #limit: WrongKeyLimit
  readonly #trustedProxies: number
  readonly #forcedRefresh: ForcedRefresh

  /**
   * @param services        names of the services at the beginning
   * @param trustedProxies  proxies before the app whose word is taken for the address of a client
   */
  constructor(services: readonly string[], source: KeySource, trustedProxies = 0) {
    const { clock, store } = source
    this.#source = source
    this.#limit = new WrongKeyLimit(clock)
    this.#trustedProxies = trustedProxies
    this.#forcedRefresh = new ForcedRefresh(clock, store.isLocal)
    for (const service of services) this.#register(service)
  }

  #register(service: string): ServiceKey {
    const reader = new KeyReader(service, this.#source, this.#vault)
    const { clock } = this.#source
    const parts = {
      reader,
      forcedRefresh: this.#forcedRefresh,
      limit: this.#limit,
      trustedProxies: this.#trustedProxies,
      clock,
    }
    const registered = { reader, authorizer: new KeyAuthorizer(parts) }
    this.#services.set(service, registered)
    return registered
  }

  /**
   * Reads keys for the first time, and keeps them fresh from then on. Resolves within the timeout of a read and never
   * rejects: a failed read is retried in the background.
   *
   * @param isAwaited  the services whose keys are read by then. Those of the others follow a few at a time, or come with their
   *   first request; but one is read in any case, which tells whether the vault answers
   */
  async load(isAwaited: (service: string) => boolean = () => true): Promise<void> {
    const readers = [...this.#services.values()].map(({ reader }) => reader)
    const awaited = readers.filter(({ service }) => isAwaited(service))
    await Promise.all((awaited.length > 0 ? awaited : readers.slice(0, 1)).map(reader => reader.read()))
    const others = readers.values() // one iterator, from which each takes the next
    const readOthers = async () => {
      for (const reader of others) if (reader.startedCount === 0) await reader.read()
    }
    for (let index = 0; index < parallelReads; index++) void readOthers()
  }

  /**
   * Adds a service that comes while the app runs, and reads its keys; they are made if they can be and are missing. A service
   * that is there already is left as it is.
   *
   * @throws ServiceLoadError for a secret that is not a valid key; StartupError when the keys cannot be made
   */
  async add(service: string): Promise<void> {
    if (this.#services.has(service)) return
    await this.#source.store.makeMissingKeys?.([service])
    const { reader } = this.#services.get(service) ?? this.#register(service)
    await reader.read()
    const [mistake] = findMistakes(reader)
    if (mistake === undefined) return
    this.remove(service)
    throw new ServiceLoadError(mistake)
  }

  /** Removes a service that is not protected by keys any more. */
  remove(service: string): void {
    this.#services.get(service)?.reader.stop()
    this.#services.delete(service)
  }

  /** Secrets whose value is not a valid key and needs fixing: one line each, without the value. */
  get mistakes(): string[] {
    return [...this.#services.values()].flatMap(({ reader }) => findMistakes(reader))
  }

  /** @throws Error for a service that is not protected by keys */
  authorizer(service: string): KeyAuthorizer {
    const known = this.#services.get(service)
    if (!known) throw new Error(`service "${service}" is not protected by keys`)
    return known.authorizer
  }

  /** Reads the keys of a service at once when the vault reports a new version of one. Other secrets are ignored. */
  keysChanged(secretName: string): void {
    const key = parseKeySecretName(secretName)
    if (key) this.#services.get(key.service)?.reader.readAgain()
  }

  stop(): void {
    this.#forcedRefresh.stop()
    for (const { reader } of this.#services.values()) reader.stop()
  }
}

function findMistakes({ service, ring }: KeyReader): string[] {
  return keyTypes.flatMap(type => {
    const content = ring.content(type)
    if (content?.kind !== 'fault' || !content.isMistake) return []
    const name = keySecretName(service, type)
    return [`secret ${name} ${content.fault}, so it is no key: write another value, or delete the secret`]
  })
}
