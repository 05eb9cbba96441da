import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { setTimeout as delay } from 'node:timers/promises'
import type { StorageAccount } from './app/binding-settings.ts'
import { FunctionRunner, type HostContext } from './app/function-runner.ts'
import type { Trigger } from './app/triggers.ts'
import { BlobListener } from './blob/blob-listener.ts'
import type { BlobSettings } from './blob/blob-settings.ts'
import { systemClock } from './clock.ts'
import { loadHostStorage } from './load-host-storage.ts'
import type { BackgroundPlan } from './plan-background-triggers.ts'
import type { HeldMessage, HeldMessages } from './queue/held-messages.ts'
import type { QueueListener } from './queue/queue-listener.ts'
import type { QueueSettings } from './queue/queue-settings.ts'
import { listenToQueue } from './queue/queue-trigger.ts'
import { BusListener } from './service-bus/bus-listener.ts'
import type { BusSettings } from './service-bus/bus-settings.ts'
import type { HostBus } from './service-bus/host-bus.ts'
import { listenToTimer } from './timer/timer-trigger.ts'

export interface BackgroundOptions {
  readonly plan: BackgroundPlan
  readonly host: HostContext
  readonly bus: HostBus
  readonly queues: QueueSettings
  readonly blobs: BlobSettings
  readonly serviceBus: BusSettings
  /** How long a received message is invisible to others. */
  readonly invisibleMs: number
  /** Knows the queue messages that this process holds; absent: no supervisor asks. */
  readonly held: HeldMessages | undefined
}

/** On this channel an app may tell that it has sent a message to a queue, which is then polled at once. */
const sentMessages = 'scoring-functions.queue-message'

interface Listener {
  start(): void
  stop(): Promise<void>
}

/** Runs the triggers besides HTTP until it is stopped. */
export class BackgroundTriggers {
  readonly #listeners: Listener[] = []
  /** By account and name; several functions may share a queue. */
  readonly #byQueue = new Map<string, QueueListener[]>()
  readonly #onSent = (message: unknown) => this.wakeAll((message as { queueName?: unknown }).queueName)
  readonly #started = Promise.withResolvers<void>()
  #bus: HostBus | undefined
  #isStopping = false

  async start(options: BackgroundOptions): Promise<void> {
    const { plan, host, bus } = options
    this.#bus = bus
    if (plan.queues.length + plan.blobs.length > 0) await this.#addStorage(options)
    for (const each of plan.buses)
      await this.#add(each.trigger, host, async runner => this.#openBus(each, runner, options))
    if (this.#isStopping) return
    for (const timer of plan.timers) {
      this.#listeners.push(listenToTimer(timer, new FunctionRunner(timer.trigger.fn, host), systemClock))
    }
    for (const listener of this.#listeners) listener.start()
    subscribe(sentMessages, this.#onSent)
    this.#started.resolve()
  }

  /** A listener that cannot be made is named in the log: the app is serving already, and its other functions can run. */
  async #add({ fn }: Trigger, host: HostContext, open: (runner: FunctionRunner) => Promise<Listener>): Promise<void> {
    try {
      this.#listeners.push(await open(new FunctionRunner(fn, host)))
    } catch (error) {
      host.log.system('error', `Function '${fn.name}' does not run: ${(error as Error).message}`)
    }
  }

  async #addStorage({ plan, host, queues: settings, blobs, invisibleMs, held }: BackgroundOptions): Promise<void> {
    const { openAzureBlobs, openAzureQueue } = await loadHostStorage()
    const makeContext = (account: StorageAccount) => ({
      clock: systemClock,
      warn: (text: string) => host.log.system('warning', text),
      openQueue: (name: string) => openAzureQueue(account, name),
      invisibleMs,
      held,
      onWritten: (name: string) => this.#wake(queueKey(account, name)),
    })
    for (const { trigger, queueName, account } of plan.queues) {
      await this.#add(trigger, host, async runner => {
        const listener = listenToQueue(trigger, queueName, runner, { ...makeContext(account), settings })
        const key = queueKey(account, queueName)
        this.#byQueue.set(key, [...(this.#byQueue.get(key) ?? []), listener])
        return listener
      })
    }
    for (const each of plan.blobs) {
      const { account } = each
      const context = { ...makeContext(account), settings: blobs, queueSettings: settings }
      await this.#add(
        each.trigger,
        host,
        async runner => new BlobListener(each, runner, { ...context, blobs: openAzureBlobs(account) }),
      )
    }
  }

  async #openBus(
    trigger: BackgroundPlan['buses'][number],
    runner: FunctionRunner,
    { bus, host, serviceBus: settings }: BackgroundOptions,
  ): Promise<Listener> {
    const warn = (text: string) => host.log.system('warning', text)
    return new BusListener(trigger, runner, {
      bus: await bus.open(trigger.connection),
      settings,
      held: bus.held,
      warn,
    })
  }

  /** Starts no more runs, and waits at most `maxMs` for the current ones. The messages of later ones are delivered again. */
  async stop(maxMs: number): Promise<void> {
    this.#isStopping = true
    unsubscribe(sentMessages, this.#onSent)
    const stopped = Promise.all(this.#listeners.map(listener => listener.stop())).then(() => this.#bus?.close())
    await Promise.race([stopped, delay(maxMs, undefined, { ref: this.#listeners.length > 0 })])
  }

  /** Polls the queues of this name in every account: a poll of an empty queue does no harm. */
  wakeAll(queueName: unknown): void {
    for (const key of this.#byQueue.keys()) if (key.endsWith(`\n${queueName}`)) this.#wake(key)
  }

  /** Has messages delivered again that an earlier process held when it died. */
  async takeBack(messages: readonly HeldMessage[]): Promise<void> {
    await this.#started.promise
    for (const message of messages) {
      for (const [key, listeners] of this.#byQueue)
        if (key.endsWith(`\n${message.queueName}`)) await listeners[0]?.takeBack(message)
    }
  }

  #wake(key: string): void {
    for (const listener of this.#byQueue.get(key) ?? []) listener.wake()
  }
}

function queueKey(account: StorageAccount, name: string): string {
  return `${typeof account === 'string' ? account : account.urls.queue}\n${name}`
}
