import type { Authorizer } from '../auth/authorizer.ts'
import { ScoringError } from '../errors.ts'
import type { ServiceDefinition } from '../models/definition/definition.ts'
import type { OwnDocuments } from '../models/definition/own-documents.ts'
import type { OpenedFiles } from '../models/repository/opened-files.ts'
import type { ServiceSpec } from '../models/repository/service-spec.ts'
import type { LoadReport } from '../models/session/load-report.ts'
import { ByteBudget, type HeldBytes } from '../scheduling/byte-budget.ts'
import { DecompressionLimits } from '../scheduling/concurrency-limit.ts'
import type { InferenceRequest } from '../scheduling/inference-request.ts'
import type { InferenceResult, WholeResult } from '../scheduling/inference-result.ts'
import { type CallDeadline, stopping } from '../scheduling/request-queue.ts'
import type { PhaseTimes } from '../telemetry/cold-start.ts'
import type { ServiceMetrics } from '../telemetry/service-metrics.ts'
import type { Span, Tracing } from '../telemetry/tracing.ts'
import type { SchedulerActivity, ServiceScheduler } from '../workers/pool/service-scheduler.ts'
import { AwaitedAnswer } from './awaited-answer.ts'
import type { Call } from './call.ts'
import type { Deployments } from './deployments.ts'
import type { EncryptedRequests } from './encrypted-requests.ts'
import { asSource, type EngineSource } from './engine.ts'
import { LoadWaiters } from './load-waiters.ts'
import type { Mirror } from './mirror.ts'
import type { ScoringServiceOptions } from './service-options.ts'
import { traceSubmission } from './trace-call.ts'
import { readWholeResult } from './whole-result.ts'

/** `idle`: it loads with the next request. */
export type ServiceStatus = 'loading' | 'ready' | 'failed' | 'idle'

/** A service as callers meet it: who may call it, whether it can score, and the one path that every score takes. */
export class ScoringService {
  readonly name: string
  readonly deployment: string | undefined
  readonly deployments: Deployments | undefined
  /** Copies requests of this deployment for others; set where the deployments are put together. */
  mirror: Mirror | undefined
  readonly definition: ServiceDefinition
  /** What its workers load. */
  readonly spec: ServiceSpec | undefined
  readonly files: OpenedFiles | undefined
  readonly authorizer: Authorizer | undefined
  /** OpenAPI documents that its owner wrote, in place of generated ones. */
  readonly documents: OwnDocuments
  readonly metrics: ServiceMetrics | undefined
  readonly tracing: Tracing | undefined
  readonly #firstAnswer: AwaitedAnswer
  readonly hasServerTiming: boolean
  /** Bytes that its requests hold. */
  readonly bytes: ByteBudget
  readonly encrypted: (() => Promise<EncryptedRequests>) | undefined
  readonly #decompressionLimits = new DecompressionLimits()
  readonly #engine: EngineSource
  readonly #onUse: ((service: ScoringService) => void) | undefined
  readonly #loadWaiters = new LoadWaiters()
  /** Calls that came and have no result yet: their bodies may still be read. */
  #calls = 0
  #isStopped = false

  constructor(options: ScoringServiceOptions) {
    this.name = options.name
    this.deployment = options.deployment
    this.deployments = options.deployments
    this.#onUse = options.onUse
    this.definition = options.definition
    this.spec = options.spec
    this.files = options.files
    this.authorizer = options.authorizer
    this.documents = options.documents ?? {}
    this.metrics = options.metrics
    this.tracing = options.tracing
    this.#firstAnswer = new AwaitedAnswer(options.name, options.coldStart)
    this.hasServerTiming = options.hasServerTiming ?? false
    this.bytes = options.bytes ?? new ByteBudget(Number.POSITIVE_INFINITY)
    this.encrypted = options.encrypted
    this.#engine = asSource(options.engine)
    // Others load with a request, which marks it.
    if (options.coldStart && !options.onUse)
      this.load().then(
        () => this.#firstAnswer.markLoaded(),
        () => {}, // `failure` tells
      )
  }

  /** @returns the phases of the start of this process, if a request that came at `requestedAt` got its first answer */
  answered(requestedAt: number): PhaseTimes | undefined {
    return this.#firstAnswer.answered(requestedAt)
  }

  get status(): ServiceStatus {
    if (this.failure !== undefined) return 'failed'
    if (this.report) return 'ready'
    return this.#engine.isAsleep ? 'idle' : 'loading'
  }

  /** Whether the service has loaded, or can when it is called, and can check its callers. */
  get isReady(): boolean {
    const { status } = this
    return (status === 'ready' || status === 'idle') && this.authorizer?.isReady !== false
  }

  /** What runs its requests now. */
  get scheduler(): ServiceScheduler | undefined {
    return this.#engine.scheduler
  }

  /**
   * Settles once, with the first load, which begins now if the service waits for a request.
   *
   * @throws ServiceLoadError with the reason when the service cannot be loaded
   */
  load(): Promise<LoadReport> {
    this.#onUse?.(this)
    return this.#engine.load()
  }

  /** Makes the files be there that `spec` names. @throws Error when they cannot be fetched */
  async prepare(): Promise<void> {
    await this.#engine.prepare()
  }

  /** Ends its workers until the next request. @returns whether it had any, and none has anything to do */
  unload(): boolean {
    return this.isQuiet && this.#engine.unload()
  }

  /** What loading found, while the service is ready. */
  get report(): LoadReport | undefined {
    return this.scheduler?.report
  }

  /** The numbered folder of its models, e.g. `2`; undefined: it has none. */
  get version(): string | undefined {
    return this.spec?.version
  }

  /** Its deployments, or the service itself, which has none. */
  get parts(): readonly ScoringService[] {
    return this.deployments?.all.map(({ service }) => service) ?? [this]
  }

  /** Whether the app had a caller within the last second, for whom jobs make room. */
  get hasCallers(): boolean {
    return this.scheduler?.hasCallers === true
  }

  /** What its workers do; undefined where it never had any. */
  get activity(): SchedulerActivity | undefined {
    return this.scheduler?.activity
  }

  /** Why it cannot score, for its owner. */
  get failure(): string | undefined {
    return this.#engine.failure
  }

  /**
   * The path of every score that a caller waits for: authorize, wait for the model to load, admit, read, enqueue.
   *
   * @returns what became of the request once it was queued, which may be a failure
   * @throws ScoringError for a call that is refused before it is queued: as the authorizer says, SERVICE_LOADING,
   *   SERVICE_UNAVAILABLE, QUEUE_FULL, or what `call.read` throws
   */
  async infer(call: Call): Promise<InferenceResult> {
    this.#calls++
    try {
      const authorizing = call.isAuthorized ? undefined : this.authorizer?.authorize(call.credential, call.caller)
      if (authorizing) await authorizing
      let deadline = call.readDeadline()
      if (!this.report) {
        // The wait for the service to load is part of the time that the request has.
        deadline ??= { timeoutMs: this.definition.limits.timeoutMs, since: performance.now() }
        await this.waitUntilLoaded(deadline)
      }
      const { scheduler, report } = this.#ready()
      call.onLoaded(report)
      const refusal = scheduler.findRefusal(call.declaredBytes, deadline?.timeoutMs)
      if (refusal) {
        this.metrics?.rejected(refusal.code)
        throw new ScoringError(refusal.code, refusal.message, refusal)
      }
      const request = await call.read(report)
      const submit = (traced: InferenceRequest) => this.#submit(traced, call, deadline)
      return await traceSubmission(request, call.span, { service: this.name, ...report }, submit)
    } finally {
      this.#calls--
    }
  }

  async #submit(
    request: InferenceRequest,
    { isAbandoned }: Call,
    deadline: CallDeadline | undefined,
  ): Promise<InferenceResult> {
    const { scheduler } = this.#ready()
    const copy = this.mirror?.copy(this, request)
    const result = await scheduler.submit(request, isAbandoned, deadline)
    copy?.answered(result)
    return result
  }

  /**
   * Runs what an admitted request needs before it can be scored. Nobody gives it up, because several may wait for it.
   *
   * @throws ScoringError SERVICE_LOADING or SERVICE_UNAVAILABLE
   */
  async submitOwn(request: InferenceRequest): Promise<InferenceResult> {
    return this.#ready().scheduler.submit(request, () => false, undefined)
  }

  /**
   * Scores for a batch job, which yields to every caller: the request waits until no other one does, except for one
   * request each second. It is never refused because the service is busy, so the job bounds what it has under way: a
   * request or two. `limits.timeoutMs` counts from the dispatch.
   *
   * @param isAbandoned  whether the job has ended; such work is not started
   * @param span  gets the wait and the run as parts
   * @throws ScoringError SERVICE_LOADING or SERVICE_UNAVAILABLE
   */
  async inferInBackground(request: InferenceRequest, isAbandoned: () => boolean, span?: Span): Promise<WholeResult> {
    if (this.status === 'idle') await this.load().catch(() => {}) // `#ready` says why
    const { scheduler, report } = this.#ready()
    const submit = (traced: InferenceRequest) => scheduler.submitInBackground(traced, isAbandoned)
    return readWholeResult(await traceSubmission(request, span, { service: this.name, ...report }, submit))
  }

  /**
   * Waits for the service to load for the first time, so that a request which woke the app gets its answer, not a 503.
   * As many wait as may wait in the queue; a request waits before its body is read, so it holds little memory.
   *
   * @throws ScoringError SERVICE_LOADING when it takes too long, or too many wait; SERVICE_UNAVAILABLE; SERVICE_STOPPING
   */
  async waitUntilLoaded(deadline: CallDeadline | undefined): Promise<LoadReport> {
    const { timeoutMs, maxQueued } = this.definition.limits
    const isLoading = this.status === 'loading' || this.status === 'idle'
    if (isLoading && this.#loadWaiters.count < maxQueued) {
      this.hurry()
      const maxMs = Math.min(timeoutMs, deadline?.timeoutMs ?? Number.POSITIVE_INFINITY)
      await this.#loadWaiters.wait(this.load(), this.isDebugged ? undefined : maxMs)
      if (this.report) this.#firstAnswer.markLoaded()
    }
    return this.requireReady()
  }

  /** Someone waits for its first load, which begins now if others were to load before. */
  hurry(): void {
    this.#engine.hurry()
  }

  /** @throws ScoringError SERVICE_LOADING, also when it begins to load now; SERVICE_UNAVAILABLE */
  requireReady(): LoadReport {
    return this.#ready().report
  }

  /**
   * As `requireReady`, but takes a service for ready that loads with the next request.
   *
   * @throws ScoringError as `requireReady`; KEYS_UNAVAILABLE when no caller can be authorized
   */
  requireAvailable(): void {
    if (this.status !== 'idle') this.requireReady()
    if (this.authorizer?.isReady !== false) return
    throw new ScoringError('KEYS_UNAVAILABLE', 'The keys of this service are temporarily unavailable; try again later.')
  }

  #ready(): { scheduler: ServiceScheduler; report: LoadReport } {
    const { scheduler } = this
    const report = scheduler?.report
    this.#onUse?.(this)
    if (scheduler && report) return { scheduler, report }
    if (this.#isStopped) throw new ScoringError('SERVICE_STOPPING', stopping().message)
    if (this.failure === undefined) {
      if (this.status === 'idle') this.load().catch(() => {}) // `failure` tells
      throw new ScoringError('SERVICE_LOADING', `service "${this.name}" is still loading; try again in a moment`)
    }
    const why = `service "${this.name}" could not be loaded. Check the logs for more info.`
    throw new ScoringError('SERVICE_UNAVAILABLE', why)
  }

  /** Opens the account of a request whose body is to be read; it has to be released. */
  openAccount(): { readonly held: HeldBytes; readonly decompression: DecompressionLimits } {
    return { held: this.bytes.open(), decompression: this.#decompressionLimits }
  }

  /** Whether a debugger may have stopped its workers, so that no time limit holds. */
  get isDebugged(): boolean {
    return this.scheduler?.isDebugged === true
  }

  /** Whether every request that has come is answered. */
  get isQuiet(): boolean {
    return this.#engine.isIdle && this.#calls === 0 && this.#loadWaiters.count === 0
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#engine.stop()
  }
}
