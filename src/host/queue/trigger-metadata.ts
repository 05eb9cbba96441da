import type { TriggerMetadata } from '@azure/functions'
import { dateTimeOffset } from '../date-time-offset.ts'
import { handlerInput } from './message-input.ts'
import type { QueueMessage } from './queue.ts'

/** What the context of a queue-triggered function tells of its message. (lib fromRpcTriggerMetadata) */
export function triggerMetadataOf(message: QueueMessage, text: string): TriggerMetadata {
  return {
    queueTrigger: camelCased(handlerInput(text)),
    id: message.id,
    popReceipt: message.popReceipt,
    dequeueCount: message.dequeueCount,
    insertionTime: dateTimeOffset(message.insertedAt),
    expirationTime: dateTimeOffset(message.expiresAt),
    nextVisibleTime: dateTimeOffset(message.nextVisibleAt),
  }
}

/** A message that is nested too deeply for it stays as it is, so that its function can say what is wrong with it. */
function camelCased(value: unknown): unknown {
  try {
    return withCamelCaseKeys(value)
  } catch (failure) {
    if (failure instanceof RangeError) return value // of the stack of calls
    throw failure
  }
}

/** The library does this to metadata, and not to the input itself. */
function withCamelCaseKeys(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(withCamelCaseKeys)
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key.charAt(0).toLowerCase() + key.slice(1), withCamelCaseKeys(each)]),
  )
}
