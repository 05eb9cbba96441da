/** Decides who may call which service: callers with its keys or tokens, or anybody. */
import { join } from 'node:path'
import { openKeyVault } from '../adapters/azure/open-key-vault.ts'
import type { EntraAuthorizers } from '../adapters/entra-id/entra-authorizers.ts'
import { KeyFile } from '../adapters/local/key-file.ts'
import { systemClock } from '../adapters/local/system-clock.ts'
import type { Authorizer } from '../auth/authorizer.ts'
import type { SecretStore } from '../auth/secret-store.ts'
import { ServiceKeys } from '../auth/service-keys.ts'
import { ScoringError, StartupError } from '../errors.ts'
import type { ScoringService } from '../inference/scoring-service.ts'
import { serviceNamePattern } from '../models/definition/service-name.ts'
import type { ReadService } from './open-service.ts'
import type { Settings } from './settings.ts'

/** The authorizers of the services that are served, which may change while the app runs. */
export class ServiceAuthorizers {
  readonly #settings: Settings
  readonly #keys: ServiceKeys
  /** The services of the start that load with their first request. */
  readonly #onDemand: ReadonlySet<string>
  #tokens: Promise<EntraAuthorizers> | undefined

  private constructor(settings: Settings, keys: ServiceKeys, onDemand: ReadonlySet<string>) {
    this.#settings = settings
    this.#keys = keys
    this.#onDemand = onDemand
  }

  /**
   * @param services  those that the app starts with
   * @throws StartupError when their callers could not be checked
   */
  static async open(settings: Settings, services: readonly ReadService[]): Promise<ServiceAuthorizers> {
    const keyServices = services.filter(service => hasKeys(service, settings)).map(({ name }) => name)
    const source = {
      store: await openSecretStore(settings, keyServices),
      clock: systemClock,
      random: Math.random,
      log: (line: string) => console.error(line),
    }
    const keys = new ServiceKeys(keyServices, source, settings.trustedProxies)
    const onDemand = services.filter(({ definition }) => (definition.load ?? settings.load) === 'onDemand')
    return new ServiceAuthorizers(settings, keys, new Set(onDemand.map(({ name }) => name)))
  }

  /** Reads the keys of the services that load with the app. @throws StartupError for a secret that is no key */
  async loadKeys(): Promise<void> {
    await this.#keys.load(name => !this.#onDemand.has(name))
    const [mistake] = this.#keys.mistakes
    if (mistake !== undefined) throw new StartupError(mistake)
  }

  /**
   * Returns who may call a service. A service that the app did not start with gets its keys first.
   *
   * @returns undefined only for a service that says it is public
   * @throws ServiceLoadError, StartupError when its callers could not be checked
   */
  async authorizerFor(service: ReadService): Promise<Authorizer | undefined> {
    const { name, definition } = service
    if (hasKeys(service, this.#settings)) {
      requireVault(this.#settings) // the service may come while the app runs
      await this.#keys.add(name)
    } else if (service.kind === 'unreadable') return closed
    const { auth } = definition
    switch (auth.mode) {
      case 'none':
        return undefined
      case 'token':
        this.#tokens ??= loadEntraId(this.#settings)
        return (await this.#tokens).authorizerFor(auth)
      case 'key':
        return this.#keys.authorizer(name)
    }
  }

  /** Forgets what a service does not need any more. @param served  the service of that name from now on, if there is one */
  release(name: string, served: Pick<ScoringService, 'definition'> | undefined): void {
    if (served?.definition.auth.mode !== 'key') this.#keys.remove(name)
  }

  /** Called when the vault has a new version of a secret; the next request is checked against it. */
  keysChanged(secretName: string): void {
    this.#keys.keysChanged(secretName)
  }

  stop(): void {
    this.#keys.stop()
  }
}

/**
 * Whether a service is protected by keys. One that could not be read has keys too, so that its owner is told the reason; but
 * it does not make a vault necessary, and a vault is not asked for something that is no service name.
 */
function hasKeys({ kind, name, definition }: ReadService, { keyVaultUrl, isDevelopment }: Settings): boolean {
  if (definition.auth.mode !== 'key') return false
  const canAsk = keyVaultUrl !== undefined || isDevelopment
  return kind === 'readable' || (canAsk && serviceNamePattern.test(name))
}

/** Refuses every caller: the file that would say who may call cannot be read. */
const closed: Authorizer = {
  isReady: false,
  authorize: () => {
    throw new ScoringError('SERVICE_UNAVAILABLE', 'The service could not be loaded. Check the logs for more info.')
  },
}

/** The vault at `KEY_VAULT_URL`, or the key file of a developer. */
async function openSecretStore(settings: Settings, services: readonly string[]): Promise<SecretStore> {
  if (settings.keyVaultUrl !== undefined) {
    return openKeyVault({
      url: settings.keyVaultUrl,
      isDevelopment: settings.isDevelopment,
      clientId: settings.azureClientId,
      testCaFile: settings.keyVaultTestCa,
      testToken: settings.keyVaultTestToken,
    })
  }
  if (services.length > 0) requireVault(settings)
  const file = new KeyFile(join(settings.appRoot, '.local', 'keys.json'))
  await file.makeMissingKeys(services)
  return file
}

/** @throws StartupError */
function requireVault({ keyVaultUrl, isDevelopment }: Settings): void {
  if (keyVaultUrl !== undefined || isDevelopment) return
  throw new StartupError(
    'outside Development the keys live in Azure Key Vault: set KEY_VAULT_URL, or AZURE_FUNCTIONS_ENVIRONMENT=Development on a developer machine',
  )
}

/** Loads the code that checks tokens. */
async function loadEntraId({ authorityHost }: Settings): Promise<EntraAuthorizers> {
  const { EntraAuthorizers } = await import('../adapters/entra-id/entra-authorizers.ts')
  return new EntraAuthorizers(authorityHost)
}
