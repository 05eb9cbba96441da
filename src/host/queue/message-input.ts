import type { TriggerMetadata } from '@azure/functions'
import { formatDateTimeOffset } from '../dotnet-time.ts'
import type { QueueMessage } from './queue.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Decodes the text that was sent.
 *
 * @returns undefined when the body is not in that encoding, or not UTF-8
 */
export function decodeMessageText(body: string, encoding: 'base64' | 'none'): string | undefined {
  if (encoding === 'none') return body
  const packed = body.replace(/[ \t\r\n]/g, '') // .NET skips them
  if (packed.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(packed)) return undefined
  try {
    return utf8.decode(Buffer.from(packed, 'base64'))
  } catch {
    return undefined
  }
}

/** @returns the input of a handler: the JSON value of the text, or the text when it is no JSON (lib fromRpcTypedData) */
export function handlerInput(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Makes the `triggerMetadata` of a queue-triggered function. (lib fromRpcTriggerMetadata) */
export function triggerMetadata(message: QueueMessage, text: string): TriggerMetadata {
  return {
    queueTrigger: camelCased(handlerInput(text)),
    id: message.id,
    popReceipt: message.popReceipt,
    dequeueCount: message.dequeueCount,
    insertionTime: formatDateTimeOffset(message.insertedAt),
    expirationTime: formatDateTimeOffset(message.expiresAt),
    nextVisibleTime: formatDateTimeOffset(message.nextVisibleAt),
  }
}

/** Leaves a message that is nested too deeply as it is, so that its function can report that. */
function camelCased(value: unknown): unknown {
  try {
    return withCamelCaseKeys(value)
  } catch (failure) {
    if (failure instanceof RangeError) return value // the call stack was exceeded
    throw failure
  }
}

/** The library renames keys of metadata so, and not those of the input itself. */
function withCamelCaseKeys(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(withCamelCaseKeys)
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key.charAt(0).toLowerCase() + key.slice(1), withCamelCaseKeys(each)]),
  )
}
