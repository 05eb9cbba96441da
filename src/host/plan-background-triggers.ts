import type { Trigger } from './app/triggers.ts'
import { type BlobTrigger, planBlobTrigger } from './blob/blob-trigger.ts'
import { systemClock } from './clock.ts'
import { planQueueTrigger, type QueueTrigger } from './queue/queue-trigger.ts'
import { type BusTrigger, planBusTrigger } from './service-bus/bus-trigger.ts'
import { planTimerTrigger, type TimerTrigger } from './timer/timer-trigger.ts'

/** The triggers besides HTTP that can run, and why others cannot. */
export interface BackgroundPlan {
  readonly queues: readonly QueueTrigger[]
  readonly blobs: readonly BlobTrigger[]
  readonly buses: readonly BusTrigger[]
  readonly timers: readonly TimerTrigger[]
  /** By the name of the function. */
  readonly skipReasons: ReadonlyMap<string, string>
}

/** @throws StartupError when a binding is wrong */
export function planBackgroundTriggers(triggers: readonly Trigger[], environment: NodeJS.ProcessEnv): BackgroundPlan {
  const skipReasons = new Map<string, string>()
  const withType = (type: string) => triggers.filter(trigger => trigger.type.toLowerCase() === type)
  const planAll = <Plan extends { readonly kind: 'runs' }>(
    type: string,
    plan: (trigger: Trigger, environment: NodeJS.ProcessEnv) => Plan | { kind: 'skipped'; reason: string },
  ): Plan[] =>
    withType(type).flatMap(trigger => {
      const planned = plan(trigger, environment)
      if (planned.kind === 'runs') return [planned]
      skipReasons.set(trigger.fn.name, planned.reason)
      return []
    })
  const now = new Date(systemClock.wallMs())
  return {
    queues: planAll<QueueTrigger>('queuetrigger', planQueueTrigger),
    blobs: planAll<BlobTrigger>('blobtrigger', planBlobTrigger),
    buses: planAll<BusTrigger>('servicebustrigger', planBusTrigger),
    timers: withType('timertrigger').map(each => planTimerTrigger(each, environment, now)),
    skipReasons,
  }
}

/** @returns the names of the functions that run */
export function listRunning({ queues, blobs, buses, timers }: BackgroundPlan): Set<string> {
  return new Set([...queues, ...blobs, ...buses, ...timers].map(({ trigger }) => trigger.fn.name))
}

/** @returns a sentence for each reason why functions do not run, with their names */
export function describeSkipped({ skipReasons }: BackgroundPlan): string[] {
  const byReason = Map.groupBy(skipReasons, ([, reason]) => reason)
  return [...byReason].map(([reason, functions]) => {
    const names = functions.map(([name]) => `'${name}'`).join(', ')
    return `${functions.length === 1 ? `Function ${names} does` : `Functions ${names} do`} not run: ${reason}.`
  })
}
