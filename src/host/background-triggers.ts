import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from './clock.ts'
import { FunctionRunner, type InvocationSurroundings } from './function-runner.ts'
import type { HostTimes } from './host-times.ts'
import type { QueueListener } from './queue/queue-listener.ts'
import type { QueueSettings } from './queue/queue-settings.ts'
import { listenToQueue, planQueueTrigger, type QueueTrigger } from './queue/queue-trigger.ts'
import { loadAzureStorage } from './storage/open-storage.ts'
import { listenToTimer, planTimerTrigger, type TimerTrigger } from './timer/timer-trigger.ts'
import type { Trigger } from './trigger-list.ts'

/** Queue and timer triggers: those that can run, and why the others do not. */
export interface BackgroundPlan {
  readonly queues: readonly QueueTrigger[]
  readonly timers: readonly TimerTrigger[]
  /** By the name of the function. */
  readonly whyNot: ReadonlyMap<string, string>
}

/** @throws StartupError when a binding is wrong */
export function planBackgroundTriggers(triggers: readonly Trigger[], environment: NodeJS.ProcessEnv): BackgroundPlan {
  const whyNot = new Map<string, string>()
  const runnable = <T extends object>(type: string, plan: (trigger: Trigger) => T | { whyNot: string }): T[] =>
    triggers
      .filter(trigger => trigger.type.toLowerCase() === type)
      .flatMap(trigger => {
        const planned = plan(trigger)
        if (!('whyNot' in planned)) return [planned]
        whyNot.set(trigger.fn.name, planned.whyNot)
        return []
      })
  const now = new Date(systemClock.wallMs())
  return {
    queues: runnable('queuetrigger', trigger => planQueueTrigger(trigger, environment)),
    timers: runnable('timertrigger', trigger => planTimerTrigger(trigger, environment, now)),
    whyNot,
  }
}

export interface BackgroundOptions {
  readonly plan: BackgroundPlan
  readonly surroundings: InvocationSurroundings
  readonly settings: QueueSettings
  readonly times: HostTimes
  readonly hostId: string
}

interface Listener {
  start(): void
  stop(): Promise<void>
}

/** Runs queue and timer triggers until it is stopped. */
export class BackgroundTriggers {
  readonly #listeners: Listener[] = []
  /** By account and name; some functions may share a queue. */
  readonly #byQueue = new Map<string, QueueListener[]>()
  #isStopping = false

  async start(options: BackgroundOptions): Promise<void> {
    const { plan, surroundings } = options
    if (this.#isStopping || (plan.queues.length === 0 && plan.timers.length === 0)) return
    const storage = await loadAzureStorage()
    if (this.#isStopping) return
    const common = {
      clock: systemClock,
      warn: (text: string) => surroundings.log.write('warning', 'system', text),
    }
    for (const { trigger, queueName, connectionString } of plan.queues) {
      const keyOf = (name: string) => `${connectionString}\n${name}`
      const listener = listenToQueue(queueName, new FunctionRunner(trigger.fn, surroundings), {
        ...common,
        openQueue: name => storage.openAzureQueue(connectionString, name),
        settings: options.settings,
        invisibleMs: options.times.invisibleMs,
        onWritten: name => this.#wake(keyOf(name)),
      })
      this.#byQueue.set(keyOf(queueName), [...(this.#byQueue.get(keyOf(queueName)) ?? []), listener])
      this.#listeners.push(listener)
    }
    for (const timer of plan.timers) {
      const blobs = storage.openAzureHostBlobs(timer.connectionString)
      const runner = new FunctionRunner(timer.trigger.fn, surroundings)
      this.#listeners.push(listenToTimer(timer, runner, { ...common, blobs, ...options }))
    }
    for (const listener of this.#listeners) listener.start()
  }

  /** Starts no more runs, and waits for those that go on, but no longer than `maxMs`; their messages come back later. */
  async stop(maxMs: number): Promise<void> {
    this.#isStopping = true
    const stopped = Promise.all(this.#listeners.map(listener => listener.stop()))
    await Promise.race([stopped, delay(maxMs, undefined, { ref: this.#listeners.length > 0 })])
  }

  #wake(key: string): void {
    for (const listener of this.#byQueue.get(key) ?? []) listener.wake()
  }
}

/**
 * Which hosts are the same app: those with the same setting `AzureFunctionsWebHost__hostid`, or else those that run the
 * same folder of the same machine.
 */
export function hostIdOf(appRoot: string, { AzureFunctionsWebHost__hostid: given }: NodeJS.ProcessEnv): string {
  if (given) return given
  const machine = hostname()
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '')
  return `${machine.slice(0, 20)}-${createHash('sha256').update(appRoot).digest('hex').slice(0, 10)}`
}
