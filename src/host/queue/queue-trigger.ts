import { StartupError } from '../../errors.ts'
import { findStorageConnection, resolveSettings, type StorageAccount } from '../app/binding-settings.ts'
import type { FunctionRunner } from '../app/function-runner.ts'
import type { Trigger } from '../app/triggers.ts'
import type { Clock } from '../clock.ts'
import type { HeldMessages } from './held-messages.ts'
import { handlerInput, triggerMetadata } from './message-input.ts'
import type { Queue } from './queue.ts'
import { QueueListener } from './queue-listener.ts'
import type { QueueSettings } from './queue-settings.ts'

/** A queue trigger with its queue. */
export interface QueueTrigger {
  readonly kind: 'runs'
  readonly trigger: Trigger
  readonly queueName: string
  readonly account: StorageAccount
}

/**
 * @returns the reason when there is no storage for the trigger
 * @throws StartupError when the binding is wrong
 */
export function planQueueTrigger(
  trigger: Trigger,
  environment: NodeJS.ProcessEnv,
): QueueTrigger | { readonly kind: 'skipped'; readonly reason: string } {
  const { name } = trigger.fn
  const given = trigger.binding.queueName
  if (typeof given !== 'string')
    throw new StartupError(`function "${name}": queueName is ${JSON.stringify(given)}, and must be a string`)
  const queueName = resolveSettings(given, `queueName of function "${name}"`, environment)
  if (!/^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$/.test(queueName)) {
    const rule = '3 to 63 characters of a-z, 0-9 and single "-" between them'
    throw new StartupError(`function "${name}": queueName is "${queueName}", and must be ${rule}`)
  }
  const connection = findStorageConnection(trigger.binding.connection, environment, 'queue')
  if (connection.kind === 'missing') return { kind: 'skipped', reason: connection.reason }
  return { kind: 'runs', trigger, queueName, account: connection.account }
}

const maxNameLength = 63
const suffix = '-poison'

/** @returns undefined for a poison queue, and for a name that would be too long */
export function poisonQueueName(queueName: string): string | undefined {
  const name = queueName + suffix
  return queueName.endsWith(suffix) || name.length > maxNameLength ? undefined : name
}

export interface QueueContext {
  readonly openQueue: (name: string) => Queue
  readonly settings: QueueSettings
  readonly invisibleMs: number
  readonly clock: Clock
  readonly held?: HeldMessages | undefined
  readonly warn: (text: string) => void
  /** Called when a message was written to this queue. */
  readonly onWritten: (queueName: string) => void
}

export function listenToQueue(
  { binding }: Trigger,
  queueName: string,
  runner: FunctionRunner,
  context: QueueContext,
): QueueListener {
  const { openQueue, onWritten, ...rest } = context
  const poison = poisonQueueName(queueName)
  return new QueueListener({
    ...rest,
    queue: openQueue(queueName),
    poison: poison === undefined ? undefined : openQueue(poison),
    random: Math.random,
    onPoison: () => poison !== undefined && onWritten(poison),
    run: (message, text) =>
      runner.run({
        reason: `New queue message detected on '${queueName}'.`,
        input: binding.dataType === 'binary' ? Buffer.from(text) : handlerInput(text),
        triggerMetadata: triggerMetadata(message, text),
      }),
  })
}
