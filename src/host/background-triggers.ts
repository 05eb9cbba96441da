import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { setTimeout as delay } from 'node:timers/promises'
import { FunctionRunner, type HostContext } from './app/function-runner.ts'
import type { Trigger } from './app/triggers.ts'
import { systemClock } from './clock.ts'
import type { QueueListener } from './queue/queue-listener.ts'
import type { QueueSettings } from './queue/queue-settings.ts'
import { listenToQueue, planQueueTrigger, type QueueTrigger } from './queue/queue-trigger.ts'
import { listenToTimer, planTimerTrigger, type TimerTrigger } from './timer/timer-trigger.ts'

/** The queue and timer triggers that can run, and why others cannot. */
export interface BackgroundPlan {
  readonly queues: readonly QueueTrigger[]
  readonly timers: readonly TimerTrigger[]
  /** By the name of the function. */
  readonly skipReasons: ReadonlyMap<string, string>
}

/** @throws StartupError when a binding is wrong */
export function planBackgroundTriggers(triggers: readonly Trigger[], environment: NodeJS.ProcessEnv): BackgroundPlan {
  const withType = (type: string) => triggers.filter(trigger => trigger.type.toLowerCase() === type)
  const queues: QueueTrigger[] = []
  const skipReasons = new Map<string, string>()
  for (const trigger of withType('queuetrigger')) {
    const plan = planQueueTrigger(trigger, environment)
    if (plan.kind === 'runs') queues.push(plan)
    else skipReasons.set(trigger.fn.name, plan.reason)
  }
  const now = new Date(systemClock.wallMs())
  return { queues, timers: withType('timertrigger').map(each => planTimerTrigger(each, environment, now)), skipReasons }
}

export interface BackgroundOptions {
  readonly plan: BackgroundPlan
  readonly host: HostContext
  readonly settings: QueueSettings
  /** How long a received message is invisible to others. */
  readonly invisibleMs: number
}

/** On this channel an app may tell that it has sent a message to a queue, which is then polled at once. */
const sentMessages = 'scoring-functions.queue-message'

interface Listener {
  start(): void
  stop(): Promise<void>
}

/** Runs queue and timer triggers until it is stopped. */
export class BackgroundTriggers {
  readonly #listeners: Listener[] = []
  /** By account and name; several functions may share a queue. */
  readonly #byQueue = new Map<string, QueueListener[]>()
  readonly #onSent = (message: unknown) => this.#wakeAll((message as { queueName?: unknown }).queueName)
  #isStopping = false

  async start(options: BackgroundOptions): Promise<void> {
    const { plan, host } = options
    if (plan.queues.length > 0) await this.#addQueues(options)
    if (this.#isStopping) return
    for (const timer of plan.timers) {
      this.#listeners.push(listenToTimer(timer, new FunctionRunner(timer.trigger.fn, host), systemClock))
    }
    for (const listener of this.#listeners) listener.start()
    subscribe(sentMessages, this.#onSent)
  }

  async #addQueues({ plan, host, settings, invisibleMs }: BackgroundOptions): Promise<void> {
    const { openAzureQueue } = await loadQueueClient()
    for (const { trigger, queueName, account } of plan.queues) {
      const address = typeof account === 'string' ? account : account.queueUrl
      const queueKey = (name: string) => `${address}\n${name}`
      let listener: QueueListener
      try {
        listener = listenToQueue(queueName, new FunctionRunner(trigger.fn, host), {
          clock: systemClock,
          warn: text => host.log.system('warning', text),
          openQueue: name => openAzureQueue(account, name),
          settings,
          invisibleMs,
          onWritten: name => this.#wake(queueKey(name)),
        })
      } catch (error) {
        // The app is serving already, and its other functions can run.
        host.log.system('error', `Function '${trigger.fn.name}' does not run: ${(error as Error).message}`)
        continue
      }
      this.#byQueue.set(queueKey(queueName), [...(this.#byQueue.get(queueKey(queueName)) ?? []), listener])
      this.#listeners.push(listener)
    }
  }

  /** Starts no more runs, and waits at most `maxMs` for the current ones. The messages of later ones are delivered again. */
  async stop(maxMs: number): Promise<void> {
    this.#isStopping = true
    unsubscribe(sentMessages, this.#onSent)
    const stopped = Promise.all(this.#listeners.map(listener => listener.stop()))
    await Promise.race([stopped, delay(maxMs, undefined, { ref: this.#listeners.length > 0 })])
  }

  /** Polls the queues of this name in every account: a poll of an empty queue does no harm. */
  #wakeAll(queueName: unknown): void {
    for (const key of this.#byQueue.keys()) if (key.endsWith(`\n${queueName}`)) this.#wake(key)
  }

  #wake(key: string): void {
    for (const listener of this.#byQueue.get(key) ?? []) listener.wake()
  }
}

/** Loads Azure's SDK for queues, in a bundle of its own, so that only an app with a queue trigger pays for it. */
async function loadQueueClient(): Promise<typeof import('./queue/azure-queue.ts')> {
  const file = import.meta.url.endsWith('.ts') ? './queue/azure-queue.ts' : './host-storage.cjs'
  return import(new URL(file, import.meta.url).href)
}
