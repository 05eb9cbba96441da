/** Which triggers of all services run together: one that would take the messages of another, or its own, is left out. */
import { canMatch, parseBlobPath } from './blob-path.ts'
import { containerIn, type Jobs } from './job-watch.ts'
import type { AuthLevel, BlobTrigger, QueueTrigger, ServiceBusTrigger, Triggers } from './triggers.ts'

/** The triggers of a service, as its `service.json` has them. */
export interface DeclaredTriggers {
  readonly service: string
  readonly triggers: Triggers
  readonly jobs: Jobs
}

/** Blobs that become jobs of a service. */
export interface JobWatch extends Pick<Jobs, 'source'> {
  readonly service: string
  readonly watch: string
}

/** A trigger of a service, besides HTTP. */
export type ServiceTrigger = { readonly service: string } & (
  | ({ readonly kind: 'blob' } & BlobTrigger)
  | ({ readonly kind: 'queue' } & QueueTrigger)
  | ({ readonly kind: 'serviceBus' } & ServiceBusTrigger)
)

/** Blobs that become jobs, as they go through a service. */
interface Watch extends Pick<Jobs, 'source' | 'output'> {
  readonly service: string
  readonly kind: 'jobs.watch'
  readonly connection: string
  readonly input: string
}

/** What goes through a service. Outputs of jobs that name none are in a container that nothing watches. */
type Flow = ServiceTrigger | Watch

export interface TriggerPlan {
  readonly runs: readonly ServiceTrigger[]
  readonly watches: readonly JobWatch[]
  /** Why others do not run; the reason names what to change. */
  readonly refused: readonly {
    readonly service: string
    readonly kind: Flow['kind']
    readonly reason: string
  }[]
  /** The strictest of all services: they share their routes. */
  readonly authLevel: AuthLevel
}

const levels: readonly AuthLevel[] = ['anonymous', 'function', 'admin']

/** @param declared  in the order in which they have precedence */
export function planTriggers(declared: readonly DeclaredTriggers[]): TriggerPlan {
  const runs: ServiceTrigger[] = []
  const watches: Watch[] = []
  const refused: TriggerPlan['refused'][number][] = []
  for (const trigger of declared.flatMap(listTriggers)) {
    const reason = findSharedInput(trigger, runs) ?? findSharedOutput(trigger, runs) ?? findCycle(trigger, runs)
    if (reason === undefined) runs.push(trigger)
    else refused.push({ service: trigger.service, kind: trigger.kind, reason })
  }
  for (const watch of declared.flatMap(listWatches)) {
    const reason = findCycle(watch, [...runs, ...watches])
    if (reason === undefined) watches.push(watch)
    else refused.push({ service: watch.service, kind: watch.kind, reason })
  }
  const ranks = declared.map(({ triggers }) => levels.indexOf(triggers.http.authLevel))
  return {
    runs,
    watches: watches.map(({ service, input, source }) => ({ service, watch: input, source })),
    refused,
    authLevel: levels[Math.max(0, ...ranks)] as AuthLevel,
  }
}

function listTriggers({ service, triggers: { blob, queue, serviceBus } }: DeclaredTriggers): ServiceTrigger[] {
  return [
    ...(blob ? [{ service, kind: 'blob' as const, ...blob }] : []),
    ...(queue ? [{ service, kind: 'queue' as const, ...queue }] : []),
    ...(serviceBus ? [{ service, kind: 'serviceBus' as const, ...serviceBus }] : []),
  ]
}

function listWatches({ service, jobs: { watch, output, source } }: DeclaredTriggers): Watch[] {
  if (watch === undefined) return []
  return [{ service, kind: 'jobs.watch', connection: 'AzureWebJobsStorage', input: watch, output, source }]
}

/** A message goes to one receiver. A blob may be scored by any number of services. */
function findSharedInput(trigger: ServiceTrigger, runs: readonly ServiceTrigger[]): string | undefined {
  if (trigger.kind === 'blob') return undefined
  const other = runs.find(each => isSameKind(each, trigger) && isSameQueue(each.input, trigger.input))
  return other && `the queue "${trigger.input}" has the requests of service "${other.service}"; choose another`
}

/** Of two answers to the same blob in the same place, one would be lost. */
function findSharedOutput(trigger: ServiceTrigger, runs: readonly ServiceTrigger[]): string | undefined {
  if (trigger.kind !== 'blob') return undefined
  const { input, output } = trigger
  const other = runs.find(each => isSameKind(each, trigger) && each.input === input && each.output === output)
  return other && `its answers would be written over those of service "${other.service}"; choose another output`
}

/** Answers that come back as requests would be scored without end. */
function findCycle(trigger: Flow, runs: readonly Flow[]): string | undefined {
  const pathTo = new Map<Flow, readonly string[]>([[trigger, []]])
  for (const [from, path] of pathTo) {
    if (feeds(from, trigger)) {
      const through = path.length > 0 ? ` through ${path.map(service => `"${service}"`).join(' and ')}` : ''
      return `its answers to "${trigger.output}" would come back to it${through} without end; choose another output`
    }
    for (const to of runs) if (feeds(from, to) && !pathTo.has(to)) pathTo.set(to, [...path, to.service])
  }
  return undefined
}

function feeds(from: Flow, to: Flow): boolean {
  if (from.output === undefined || !isSameKind(from, to)) return false
  if (from.kind === 'queue' || from.kind === 'serviceBus') return isSameQueue(from.output, to.input)
  if (from.kind === 'jobs.watch' || to.kind === 'jobs.watch') return containerIn(from.output) === containerIn(to.input)
  const [output, input] = [parseBlobPath(from.output), parseBlobPath(to.input)]
  return output !== undefined && input !== undefined && canMatch(output, input)
}

function isSameKind(one: Flow, other: Flow): boolean {
  return source(one) === source(other) && connectionSetting(one) === connectionSetting(other)
}

function source({ kind }: Flow): string {
  return kind === 'jobs.watch' ? 'blob' : kind
}

/** Hosts look for the setting `AzureWebJobs<connection>` first, so that `Storage` and `AzureWebJobsStorage` are one account. */
function connectionSetting({ connection }: Flow): string {
  return connection.replace(/^AzureWebJobs/, '')
}

/** Service Bus does not tell cases apart, and queues of Azure Storage have lower-case names. */
function isSameQueue(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase()
}
