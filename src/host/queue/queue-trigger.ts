import { StartupError } from '../../errors.ts'
import { findStorageConnection, resolveSettings } from '../app/binding-settings.ts'
import type { FunctionRunner } from '../app/function-runner.ts'
import type { Trigger } from '../app/triggers.ts'
import type { Clock } from '../clock.ts'
import { handlerInput, triggerMetadata } from './message-input.ts'
import type { Queue } from './queue.ts'
import { QueueListener } from './queue-listener.ts'
import type { QueueSettings } from './queue-settings.ts'

/** A queue trigger with its place. */
export interface QueueTrigger {
  readonly trigger: Trigger
  readonly queueName: string
  readonly connectionString: string
}

/**
 * @returns the reason when there is no storage for it
 * @throws StartupError when the binding is wrong
 */
export function planQueueTrigger(
  trigger: Trigger,
  environment: NodeJS.ProcessEnv,
): QueueTrigger | { skipReason: string } {
  const { name } = trigger.fn
  const given = trigger.binding.queueName
  if (typeof given !== 'string') throw new StartupError(`function "${name}": queueName must be a string`)
  const queueName = resolveSettings(given, `queueName of function "${name}"`, environment)
  if (!/^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$/.test(queueName)) {
    const rule = '3 to 63 of a-z, 0-9 and single "-" inside'
    throw new StartupError(`function "${name}": "${queueName}" is no name for a queue (${rule})`)
  }
  const connection = findStorageConnection(trigger.binding.connection, environment)
  return 'skipReason' in connection ? connection : { trigger, queueName, ...connection }
}

const longestName = 63
const suffix = '-poison'

/** @returns undefined for a queue that is one, and for a name that would be too long */
export function poisonQueueName(queueName: string): string | undefined {
  return queueName.endsWith(suffix) || queueName.length + suffix.length > longestName ? undefined : queueName + suffix
}

export interface QueueContext {
  readonly openQueue: (name: string) => Queue
  readonly settings: QueueSettings
  readonly invisibleMs: number
  readonly clock: Clock
  readonly warn: (text: string) => void
  /** A message was written to this queue. */
  readonly onWritten: (queueName: string) => void
}

export function listenToQueue(queueName: string, runner: FunctionRunner, context: QueueContext): QueueListener {
  const { openQueue, settings, invisibleMs, clock, warn, onWritten } = context
  const poison = poisonQueueName(queueName)
  return new QueueListener({
    queue: openQueue(queueName),
    poison: poison === undefined ? undefined : openQueue(poison),
    settings,
    invisibleMs,
    clock,
    random: Math.random,
    warn,
    onPoison: () => poison !== undefined && onWritten(poison),
    run: (message, text) =>
      runner.run({
        reason: `New queue message detected on '${queueName}'.`,
        input: handlerInput(text),
        triggerMetadata: triggerMetadata(message, text),
      }),
  })
}
