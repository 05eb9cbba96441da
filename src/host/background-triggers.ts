import { setTimeout as delay } from 'node:timers/promises'
import { FunctionRunner, type HostContext } from './app/function-runner.ts'
import type { Trigger } from './app/triggers.ts'
import { systemClock } from './clock.ts'
import type { HostTimes } from './host-times.ts'
import type { QueueListener } from './queue/queue-listener.ts'
import type { QueueSettings } from './queue/queue-settings.ts'
import { listenToQueue, planQueueTrigger, type QueueTrigger } from './queue/queue-trigger.ts'
import { listenToTimer, planTimerTrigger, type TimerTrigger } from './timer/timer-trigger.ts'

/** Queue and timer triggers: those that can run, and why the others do not. */
export interface BackgroundPlan {
  readonly queues: readonly QueueTrigger[]
  readonly timers: readonly TimerTrigger[]
  /** By the name of the function. */
  readonly skipReason: ReadonlyMap<string, string>
}

/** @throws StartupError when a binding is wrong */
export function planBackgroundTriggers(triggers: readonly Trigger[], environment: NodeJS.ProcessEnv): BackgroundPlan {
  const skipReason = new Map<string, string>()
  const withType = (type: string) => triggers.filter(trigger => trigger.type.toLowerCase() === type)
  const queues = withType('queuetrigger').flatMap(trigger => {
    const planned = planQueueTrigger(trigger, environment)
    if (!('skipReason' in planned)) return [planned]
    skipReason.set(trigger.fn.name, planned.skipReason)
    return []
  })
  const now = new Date(systemClock.wallMs())
  return { queues, timers: withType('timertrigger').map(each => planTimerTrigger(each, environment, now)), skipReason }
}

export interface BackgroundOptions {
  readonly plan: BackgroundPlan
  readonly host: HostContext
  readonly settings: QueueSettings
  readonly times: HostTimes
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
    const { plan, host } = options
    if (plan.queues.length > 0) await this.#addQueues(options)
    if (this.#isStopping) return
    for (const timer of plan.timers) {
      this.#listeners.push(listenToTimer(timer, new FunctionRunner(timer.trigger.fn, host), systemClock))
    }
    for (const listener of this.#listeners) listener.start()
  }

  async #addQueues({ plan, host, settings, times }: BackgroundOptions): Promise<void> {
    const storage = await loadAzureStorage()
    for (const { trigger, queueName, connectionString } of plan.queues) {
      const queueKey = (name: string) => `${connectionString}\n${name}`
      const listener = listenToQueue(queueName, new FunctionRunner(trigger.fn, host), {
        clock: systemClock,
        warn: text => host.log.write('warning', 'system', text),
        openQueue: name => storage.openAzureQueue(connectionString, name),
        settings,
        invisibleMs: times.invisibleMs,
        onWritten: name => this.#wake(queueKey(name)),
      })
      this.#byQueue.set(queueKey(queueName), [...(this.#byQueue.get(queueKey(queueName)) ?? []), listener])
      this.#listeners.push(listener)
    }
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

/** The bundle beside this one, or the source when run from source. */
const entry = new URL(
  import.meta.url.endsWith('.ts') ? './queue/azure-queue.ts' : './host-storage.cjs',
  import.meta.url,
)

/** Loads Azure's SDKs for storage: only an app with a queue trigger pays for them. */
async function loadAzureStorage(): Promise<typeof import('./queue/azure-queue.ts')> {
  return import(entry.href)
}
