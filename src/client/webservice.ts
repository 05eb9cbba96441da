import { ServiceCaller } from './caller.ts'
import { Credential, readCredential } from './credential.ts'
import type { DeploymentConfiguration } from './deployment-configuration.ts'
import { decodeAnswer } from './scoring-answer.ts'
import { encodeInput, type RunOptions, type ScoringInput } from './scoring-input.ts'
import { parseAddress, readKey, ServiceAddress, type WebserviceAddress } from './service-address.ts'
import { isListed, type ServiceFilters } from './service-filters.ts'
import type { NewDeployment, ServiceChange, ServiceRecord, Traffic } from './service-record.ts'
import { readStatus, type ServiceState, type ServiceStatus } from './service-status.ts'
import { type WaitForDeploymentOptions, waitForDeployment } from './wait-for-deployment.ts'
import type { AccessToken, KeyType, ServiceKeys, Workspace, WorkspaceStore } from './workspace.ts'
import { WebserviceError } from './workspace-error.ts'

/** A scoring service: scores, shows its keys and its state, and is changed or deleted where its workspace is known. */
export class Webservice {
  /** Of the service. */
  readonly name: string
  /** Sends requests to the routes of the service, with its key. */
  readonly caller: ServiceCaller
  readonly #workspace: Workspace | undefined
  readonly #credential: Credential
  readonly #address: ServiceAddress
  #record: ServiceRecord | undefined
  #status: ServiceStatus | undefined
  #notes: readonly string[] = []

  /** A service of a workspace. Nothing is read yet: what its properties show is read by `updateDeploymentState`, or by `Webservice.get`. */
  constructor(workspace: Workspace, name: string)
  /** A service by its address, which is all that scoring needs. */
  constructor(address: WebserviceAddress)
  constructor(from: Workspace | WebserviceAddress, name?: string) {
    if ('url' in from) {
      this.#address = new ServiceAddress(parseAddress(from.url))
      this.#credential = new Credential({ read: async signal => readKey(from.key, signal) })
      this.name = this.#address.known.slice(this.#address.known.lastIndexOf('/') + 1)
    } else {
      if (name === undefined) throw new TypeError('the name of the service is missing')
      this.#workspace = from
      this.#address = new ServiceAddress(from, name)
      this.#credential = new Credential({ read: signal => readCredential(from, name, signal) })
      this.name = name
    }
    this.caller = new ServiceCaller(signal => this.#address.find(signal), this.#credential, from.fetch)
  }

  /**
   * The service of a deployment that was written just now; `Model.deploy` makes it.
   *
   * @internal
   */
  static deployed(workspace: Workspace, name: string, { parameters, notes }: DeploymentConfiguration): Webservice {
    const service = new Webservice(workspace, name)
    service.#notes = notes
    if (parameters.port !== undefined) service.#address.appUrl = `http://localhost:${parameters.port}`
    return service
  }

  /**
   * Reads a service of a workspace.
   *
   * @throws WebserviceError when there is none of that name
   */
  static async get(
    workspace: Workspace,
    name: string,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Webservice> {
    const service = new Webservice(workspace, name)
    await service.updateDeploymentState(options)
    return service
  }

  /** Lists the services of a workspace, by name, with their states. */
  static async list(workspace: Workspace, filters: ServiceFilters = {}): Promise<Webservice[]> {
    const records = await workspace.store.listServices()
    const found = records.filter(record => isListed(record, filters))
    return Promise.all(
      found.map(async record => {
        const service = new Webservice(workspace, record.name)
        service.#record = record
        service.#status = await service.#readStatus()
        return service
      }),
    )
  }

  /**
   * Scores. The answer is parsed where it is JSON, is text where it is text, and bytes otherwise.
   *
   * @throws RequestError with the status and code of the service
   */
  async run<Answer = unknown>(input: ScoringInput, options: RunOptions = {}): Promise<Answer> {
    return (await this.#score(input, options, decodeAnswer)) as Answer
  }

  /**
   * Scores, and returns the answer as it comes, for answers that are streamed or need their headers.
   *
   * @throws RequestError with the status and code of the service
   */
  runRaw(input: ScoringInput, options: RunOptions = {}): Promise<Response> {
    return this.#score(input, options, response => response)
  }

  #score<Answer>(
    input: ScoringInput,
    { shape, contentType, headers, ...options }: RunOptions,
    read: (response: Response) => Answer | Promise<Answer>,
  ): Promise<Answer> {
    const { body, isRepeatable, headers: encoded } = encodeInput(input, { shape, contentType })
    const request = { method: 'POST', headers: { ...encoded, ...headers }, body, isRepeatable }
    return this.caller.send('/score', request, options, read)
  }

  /** Reads the service and its state again. @throws WebserviceError when the workspace has no such service */
  async updateDeploymentState({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    if (this.#workspace) {
      this.#record = await this.#workspace.store.readService(this.name)
      if (!this.#record) throw new WebserviceError(`there is no service "${this.name}" in ${this.#workspace.name}`)
    }
    this.#status = await this.#readStatus(signal)
  }

  /** State when it was read last. */
  get state(): ServiceState {
    return this.#status?.state ?? 'Unknown'
  }

  /** What the app said of the service when it was read last. */
  get status(): ServiceStatus {
    return this.#status ?? { state: 'Unknown', reason: 'it has not been read; await updateDeploymentState()' }
  }

  /** Where rows are posted. @throws WebserviceError before it is known */
  get scoringUri(): string {
    return `${this.#address.known}/score`
  }

  /** The OpenAPI document. @throws WebserviceError before it is known */
  get swaggerUri(): string {
    return `${this.#address.known}/swagger.json`
  }

  /** Whether callers need a key. @throws WebserviceError before the service was read */
  get authEnabled(): boolean {
    return this.#known().auth === 'key'
  }

  /** Whether callers need an access token of Microsoft Entra ID. @throws WebserviceError before the service was read */
  get tokenAuthEnabled(): boolean {
    return this.#known().auth === 'token'
  }

  /** One sentence for people. */
  get description(): string {
    return this.#known().description
  }

  /** Labels, which `update` replaces. */
  get tags(): Readonly<Record<string, string>> {
    return this.#known().tags
  }

  /** Labels, to which `update` can add. */
  get properties(): Readonly<Record<string, string>> {
    return this.#known().properties
  }

  /** The models that the service runs, with their versions. */
  get models(): ServiceRecord['models'] {
    return this.#known().models
  }

  /**
   * Waits until the app serves what was deployed.
   *
   * @throws WebserviceError when it has failed, or is not served in time
   */
  async waitForDeployment(options: WaitForDeploymentOptions = {}): Promise<void> {
    await waitForDeployment(this, this.#notes, options)
  }

  /**
   * The primary and the secondary key; either is accepted.
   *
   * @throws WorkspaceError when the workspace cannot show them, or has no such service and no keys of it
   */
  getKeys({ signal }: { readonly signal?: AbortSignal } = {}): Promise<ServiceKeys> {
    return this.#store('getKeys').getKeys(this.name, signal)
  }

  /**
   * Replaces a key. The other one stays valid, so that callers who use it are not interrupted.
   *
   * @param key  `primary` or `secondary`, in any case
   * @param value  the new key; default: a random one
   * @returns the new key
   * @throws WorkspaceError when the workspace has no such service, which gets no keys then, or the key is none
   */
  async regenKey(
    key: KeyType | Capitalize<KeyType>,
    value?: string,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<string> {
    const fresh = await this.#store('regenKey').regenKey(this.name, key, value, signal)
    this.#credential.forget()
    return fresh
  }

  /** An access token for a service with `"auth": {"mode": "token"}`. */
  getToken({ signal }: { readonly signal?: AbortSignal } = {}): Promise<AccessToken> {
    return this.#store('getToken').getToken(this.name, signal)
  }

  /** The last lines of the app's log that are about this service. */
  getLogs({
    numLines = 5000,
    signal,
  }: {
    readonly numLines?: number
    readonly signal?: AbortSignal
  } = {}): Promise<string> {
    return this.#store('getLogs').readLogs(this.name, numLines, signal)
  }

  /**
   * Changes the service; what is not named stays. The app goes on with the old one until the new one has loaded.
   *
   * @throws WebserviceError when there is no such service
   */
  async update(change: ServiceChange): Promise<void> {
    if (Object.values(change).every(value => value === undefined))
      throw new TypeError('there is nothing to update: name models, inferenceConfig, tags, properties, description, …')
    await this.#store('update').updateService(this.name, change)
    this.#credential.forget()
    await this.updateDeploymentState()
  }

  /** The deployments that share the requests, by name; empty: there is but one. */
  get deployments(): NonNullable<ServiceRecord['deployments']> {
    return this.#known().deployments ?? {}
  }

  /**
   * Adds a deployment of other models beside those that there are, or replaces one. It answers nothing yet: `setTraffic` gives it
   * requests, and so does the header `azureml-model-deployment`.
   *
   * @param name  3 to 32 letters, digits and hyphens, e.g. `green`
   */
  async createDeployment(name: string, deployment: NewDeployment): Promise<void> {
    await this.#store('createDeployment').putDeployment(this.name, name, deployment)
    await this.updateDeploymentState()
  }

  /** Removes a deployment that gets no requests. */
  async deleteDeployment(name: string): Promise<void> {
    await this.#store('deleteDeployment').deleteDeployment(this.name, name)
    await this.updateDeploymentState()
  }

  /** Changes who answers how many requests, without a restart. */
  async setTraffic(traffic: Traffic): Promise<void> {
    await this.#store('setTraffic').setTraffic(this.name, traffic)
    await this.updateDeploymentState()
  }

  /** Deletes the service; its models stay registered. */
  async delete(): Promise<void> {
    await this.#store('delete').deleteService(this.name)
    this.#record = undefined
    this.#status = undefined
  }

  #known(): ServiceRecord {
    if (this.#record) return this.#record
    const why = this.#workspace
      ? 'it has not been read; await service.updateDeploymentState() first'
      : 'it was opened by its address'
    throw new WebserviceError(`what ${this.name} is cannot be told: ${why}`)
  }

  #store(what: string): WorkspaceStore {
    if (this.#workspace) return this.#workspace.store
    throw new WebserviceError(`${what} needs a workspace: new Webservice(workspace, "${this.name}")`)
  }

  #readStatus(signal?: AbortSignal): Promise<ServiceStatus> {
    const reader = { service: this.name, fetch: this.caller.fetch, credential: this.#credential, signal }
    return readStatus(() => this.#address.find(signal), reader, this.#record)
  }
}
