import type { Authorizer } from '../auth/authorizer.ts'
import { ScoringError } from '../errors.ts'
import type { ServiceDefinition } from '../models/definition/definition.ts'
import type { OwnDocuments } from '../models/definition/own-documents.ts'
import type { LoadReport } from '../models/session/load-report.ts'
import { ByteBudget, type HeldBytes } from '../scheduling/byte-budget.ts'
import type { InferenceRequest } from '../scheduling/inference-request.ts'
import type { InferenceResult, WholeResult } from '../scheduling/inference-result.ts'
import { UnpackTurns } from '../scheduling/turns.ts'
import type { Patience } from '../scheduling/waiting-request.ts'
import type { ServiceMetrics } from '../telemetry/service-metrics.ts'
import type { SchedulerActivity, ServiceScheduler } from '../workers/pool/service-scheduler.ts'
import { readWholeResult } from './whole-result.ts'

export type ServiceStatus = 'loading' | 'ready' | 'failed'

export interface ScoringServiceOptions {
  readonly name: string
  readonly definition: ServiceDefinition
  /** undefined: open to everybody, because `service.json` says so. */
  readonly authorizer: Authorizer | undefined
  /** Where its requests run, or why they cannot: a reason for its owner. */
  readonly scheduler: ServiceScheduler | { readonly failure: string }
  readonly documents?: OwnDocuments | undefined
  readonly metrics?: ServiceMetrics | undefined
  /** What its requests may hold; absent: as much as they want. */
  readonly bytes?: ByteBudget | undefined
  /** Answers tell where their time went. */
  readonly tellsTimes?: boolean
}

/** Clients and proxies give up after 30 s as a rule; before that they get a 503 that says when to come again. */
const longestWaitForLoadMs = 25_000

/** A service as callers meet it: how it is opened, whether it can score, and the one path every score takes. */
export class ScoringService {
  readonly name: string
  readonly definition: ServiceDefinition
  readonly authorizer: Authorizer | undefined
  /** OpenAPI documents that its owner wrote, in place of generated ones. */
  readonly documents: OwnDocuments
  readonly metrics: ServiceMetrics | undefined
  readonly tellsTimes: boolean
  /** What its requests hold. */
  readonly bytes: ByteBudget
  readonly #unpackTurns = new UnpackTurns()
  readonly #scheduler: ScoringServiceOptions['scheduler']
  #waitingForLoad = 0

  constructor(options: ScoringServiceOptions) {
    this.name = options.name
    this.definition = options.definition
    this.authorizer = options.authorizer
    this.documents = options.documents ?? {}
    this.metrics = options.metrics
    this.tellsTimes = options.tellsTimes ?? false
    this.bytes = options.bytes ?? new ByteBudget(Number.POSITIVE_INFINITY)
    this.#scheduler = options.scheduler
  }

  get status(): ServiceStatus {
    if (this.#scheduler.failure !== undefined) return 'failed'
    return this.report ? 'ready' : 'loading'
  }

  /** Loaded, and its callers can be told from others. */
  get isReady(): boolean {
    return this.status === 'ready' && this.authorizer?.isReady !== false
  }

  /** What loading found, while the service is ready. */
  get report(): LoadReport | undefined {
    return 'report' in this.#scheduler ? this.#scheduler.report : undefined
  }

  /** What its threads do; undefined where it never had any. */
  get activity(): SchedulerActivity | undefined {
    return 'activity' in this.#scheduler ? this.#scheduler.activity : undefined
  }

  /** Why it cannot score, for its owner. */
  get failure(): string | undefined {
    return this.#scheduler.failure
  }

  /** @throws ScoringError SERVICE_LOADING or SERVICE_UNAVAILABLE */
  requireReady(): LoadReport {
    if (this.report) return this.report
    if (this.status === 'loading') {
      throw new ScoringError('SERVICE_LOADING', `service "${this.name}" is still loading; try again in a moment`)
    }
    throw new ScoringError(
      'SERVICE_UNAVAILABLE',
      `service "${this.name}" could not be loaded. Check the logs for more info.`,
    )
  }

  /**
   * Waits for the service to load for the first time, so that a request which woke the app gets its answer, not a 503.
   * As many wait as may wait in the queue; a request waits before its body is read, so it holds no memory to speak of.
   *
   * @param patience  how long the caller waits, where it says so
   * @throws ScoringError SERVICE_LOADING when it takes too long, or too many wait; SERVICE_UNAVAILABLE
   */
  async waitUntilLoaded(patience: Patience | undefined): Promise<LoadReport> {
    const { timeoutMs, maxQueued } = this.definition.limits
    if (this.status === 'loading' && this.#waitingForLoad < maxQueued) {
      this.#waitingForLoad++
      const longestMs = Math.min(longestWaitForLoadMs, timeoutMs, patience?.timeoutMs ?? Number.POSITIVE_INFINITY)
      await settledWithin((this.#scheduler as ServiceScheduler).firstLoad, longestMs)
      this.#waitingForLoad--
    }
    return this.requireReady()
  }

  /** @throws ScoringError KEYS_UNAVAILABLE when no caller can be let in */
  requireKeys(): void {
    if (this.authorizer?.isReady === false) {
      throw new ScoringError('KEYS_UNAVAILABLE', 'What opens this service cannot be checked now; try again later.')
    }
  }

  /**
   * To be asked before the body is read, so that a refusal costs next to nothing.
   *
   * @param bodyBytes  as far as they are known
   * @throws ScoringError QUEUE_FULL with when to try again; SERVICE_LOADING or SERVICE_UNAVAILABLE
   */
  requireRoom(bodyBytes: number, patience: Patience | undefined): void {
    this.requireReady()
    const refusal = (this.#scheduler as ServiceScheduler).refusalOf(bodyBytes, patience?.timeoutMs)
    if (!refusal) return
    this.metrics?.rejected(refusal.code)
    throw new ScoringError(refusal.code, refusal.message, refusal)
  }

  /** For a request whose body is to be read; what it holds has to be released. */
  openAccount(): { readonly held: HeldBytes; readonly turns: UnpackTurns } {
    return { held: this.bytes.open(), turns: this.#unpackTurns }
  }

  /**
   * Puts the request in the service's scheduler and waits for its answer, which may be an error.
   *
   * @param isAbandoned  whether the caller has left; such work is not started
   * @param patience  how long the caller waits, where it says so
   * @throws ScoringError SERVICE_LOADING or SERVICE_UNAVAILABLE
   */
  async score(request: InferenceRequest, isAbandoned: () => boolean, patience?: Patience): Promise<InferenceResult> {
    this.requireReady()
    return (this.#scheduler as ServiceScheduler).submit(request, isAbandoned, patience)
  }

  /**
   * The same for a batch job, which yields to everybody who calls: the request waits until no other one does, with the
   * exception of one each second. It is never refused because the service is busy, so whoever calls this bounds what it
   * has under way: a request or two. `limits.timeoutMs` counts from the moment that a thread takes it.
   *
   * @param isAbandoned  whether nobody wants the answer any more; such work is not started
   * @throws ScoringError SERVICE_LOADING or SERVICE_UNAVAILABLE
   */
  async scoreInBackground(request: InferenceRequest, isAbandoned: () => boolean): Promise<WholeResult> {
    this.requireReady()
    return readWholeResult(await (this.#scheduler as ServiceScheduler).submitInBackground(request, isAbandoned))
  }

  async stop(): Promise<void> {
    if ('stop' in this.#scheduler) await this.#scheduler.stop()
  }
}

/** Whether it went well or not. */
async function settledWithin(work: Promise<unknown>, longestMs: number): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, longestMs)
  timer.unref()
  await Promise.race([over, work.catch(() => {})])
  clearTimeout(timer)
}
