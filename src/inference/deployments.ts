/** Several models behind one service, each with a part of its requests. */
import { createHash } from 'node:crypto'
import { ScoringError, ServiceLoadError, showName } from '../errors.ts'
import type { LoadReport } from '../models/session/load-report.ts'
import type { ServiceScheduler } from '../workers/pool/service-scheduler.ts'
import type { EngineSource } from './engine.ts'
import { Mirror } from './mirror.ts'
import type { ScoringService } from './scoring-service.ts'

/** The header by which callers choose a deployment, and answers name it (Azure ML, online endpoints). */
export const deploymentHeader = 'azureml-model-deployment'

export interface Deployment {
  readonly name: string
  readonly service: ScoringService
  /** Percent of the requests that name none. */
  readonly weight: number
  /** Percent of the requests of the others that it gets a copy of. */
  readonly mirror: number
}

interface DeploymentsOptions {
  readonly deployments: readonly Deployment[]
  /** Requests with the same value of this header go to the same deployment. */
  readonly stickyHeader?: string | undefined
  /** From 0 up to but not with 1. */
  readonly random: () => number
}

/** Chooses the deployment of each request. As the engine of the service itself it is the deployment with the greatest weight. */
export class Deployments implements EngineSource {
  readonly all: readonly Deployment[]
  readonly #options: DeploymentsOptions
  /** Those that end with this; others have taken over the rest. */
  private readonly owned: Set<ScoringService>

  /** @param adopted  of `deployments`, those that belong to the ones before, until `takeOver` */
  constructor(options: DeploymentsOptions, adopted: ReadonlySet<ScoringService> = new Set()) {
    this.#options = options
    this.all = options.deployments
    this.owned = new Set(this.all.map(({ service }) => service).filter(service => !adopted.has(service)))
  }

  /** The one that documents describe, and that batch jobs are scored by. */
  get primary(): Deployment {
    return this.all.reduce((most, each) => (each.weight > most.weight ? each : most))
  }

  get(name: string): Deployment | undefined {
    return this.all.find(each => each.name === name)
  }

  /**
   * Chooses by the caller's header, else by weight among those that can score.
   *
   * @returns undefined when there is no such deployment, or none that gets requests: `unknown` says so
   */
  choose(header: (name: string) => string | null): ScoringService | undefined {
    const named = header(deploymentHeader)
    if (named !== null && named !== '') return this.get(named)?.service
    const { stickyHeader, random } = this.#options
    const weighted = this.all.filter(({ weight }) => weight > 0)
    const able = weighted.filter(({ service }) => service.status !== 'failed')
    const candidates = able.length > 0 ? able : weighted
    const [only] = candidates
    if (candidates.length <= 1) return only?.service
    const sticky = stickyHeader === undefined ? null : header(stickyHeader)
    const total = candidates.reduce((sum, { weight }) => sum + weight, 0)
    let point = (sticky === null ? random() : hashFraction(sticky)) * total
    for (const { service, weight } of candidates) {
      point -= weight
      if (point < 0) return service
    }
    return candidates.at(-1)?.service
  }

  /** @returns those that get a copy of a request that another one answers */
  chooseMirrors(answering: ScoringService): Deployment[] {
    const { random } = this.#options
    return this.all.filter(
      ({ service, mirror }) => mirror > 0 && service !== answering && service.isReady && random() * 100 < mirror,
    )
  }

  /** To be thrown once the caller is authorized. */
  unknown(header: (name: string) => string | null): ScoringError {
    const names = this.all.map(({ name }) => name).join(', ')
    const named = header(deploymentHeader)
    const what = named
      ? `There is no deployment ${showName(named)}`
      : `No deployment gets requests; choose one by the header ${deploymentHeader}`
    return new ScoringError('DEPLOYMENT_UNKNOWN', `${what}; there are: ${names}`)
  }

  /** Is called when these are served from now on: takes over what is shared with those before, which then end without it. */
  takeOver(before: Deployments | undefined): void {
    const mirror = this.all.some(each => each.mirror > 0) ? new Mirror(this) : undefined
    for (const { service } of this.all) {
      if (before?.owned.delete(service)) this.owned.add(service)
      service.mirror = mirror
    }
  }

  get scheduler(): ServiceScheduler | undefined {
    return this.primary.service.scheduler
  }

  get failure(): string | undefined {
    return this.primary.service.failure
  }

  get isAsleep(): boolean {
    return this.primary.service.status === 'idle'
  }

  get isIdle(): boolean {
    return [...this.owned].every(service => service.isQuiet)
  }

  /** All of them, so that a change is made when all can score. */
  async load(): Promise<LoadReport> {
    const reports = await Promise.all(
      this.all.map(async ({ name, service }) => {
        try {
          return await service.load()
        } catch (cause) {
          throw new ServiceLoadError(`deployment "${name}": ${(cause as Error).message}`, { cause })
        }
      }),
    )
    return reports[this.all.indexOf(this.primary)] as LoadReport
  }

  hurry(): void {
    this.primary.service.hurry()
  }

  prepare(): Promise<void> {
    return this.primary.service.prepare()
  }

  unload(): boolean {
    return false // each by itself
  }

  async stop(): Promise<void> {
    await Promise.all([...this.owned].map(service => service.stop()))
  }
}

/** @returns the same for the same text on every host, spread evenly from 0 up to but not with 1 */
function hashFraction(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE() / 2 ** 32
}
