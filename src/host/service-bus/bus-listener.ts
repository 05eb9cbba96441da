import type { FunctionRunner } from '../app/function-runner.ts'
import { handlerInput } from '../queue/message-input.ts'
import type { Bus, ReceivedMessage } from './bus.ts'
import type { BusSettings } from './bus-settings.ts'
import type { BusTrigger } from './bus-trigger.ts'
import type { HeldMessages } from './held-messages.ts'

interface BusContext {
  readonly bus: Bus
  readonly settings: BusSettings
  readonly held: HeldMessages
  readonly warn: (text: string) => void
}

/** Runs the function of a Service Bus trigger for each message: it is completed after a run that succeeded, and abandoned after one that failed. */
export class BusListener {
  readonly #trigger: BusTrigger
  readonly #runner: FunctionRunner
  readonly #context: BusContext
  readonly #running = new Set<Promise<void>>()
  #isReachable = true
  #isStopping = false
  #end: () => Promise<void> = async () => {}

  constructor(trigger: BusTrigger, runner: FunctionRunner, context: BusContext) {
    this.#trigger = trigger
    this.#runner = runner
    this.#context = context
  }

  start(): void {
    const { bus, settings } = this.#context
    this.#end = bus.receive(this.#trigger.queueName, {
      ...settings,
      onMessage: message => {
        const run = this.#run(message).finally(() => this.#running.delete(run))
        this.#running.add(run)
        return run
      },
      onFault: text => this.#fault(text),
    })
  }

  /** Receives no more messages, and waits for the runs in progress. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#end().catch(error => this.#fault((error as Error).message))
    await Promise.all(this.#running)
  }

  async #run(message: ReceivedMessage): Promise<void> {
    const { held, warn } = this.#context
    const { queueName, trigger } = this.#trigger
    if (!this.#isReachable) warn(`Queue '${queueName}' of Service Bus can be read again.`)
    this.#isReachable = true
    held.add(message)
    try {
      const hasSucceeded =
        !this.#isStopping &&
        (await this.#runner.run({
          reason: `New Service Bus message detected on '${queueName}'.`,
          input: trigger.binding.dataType === 'binary' ? message.body : handlerInput(message.body.toString()),
          triggerMetadata: message.metadata,
        }))
      // The function itself may have settled it.
      if (!held.release(message)) return
      await (hasSucceeded ? message.complete() : message.abandon())
    } catch (error) {
      warn(
        `Message ${JSON.stringify(message.metadata.messageId)} of queue '${queueName}' will be delivered again: ${(error as Error).message}.`,
      )
    } finally {
      held.release(message)
    }
  }

  /** Warns once when an outage begins, and once when it is over. */
  #fault(text: string): void {
    if (this.#isReachable && !this.#isStopping)
      this.#context.warn(
        `Queue '${this.#trigger.queueName}' of Service Bus cannot be read: ${text}. Retrying until it can.`,
      )
    this.#isReachable = false
  }
}
