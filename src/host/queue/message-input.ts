import type { TriggerMetadata } from '@azure/functions'
import { dateTimeOffset } from '../dotnet-time.ts'
import type { QueueMessage } from './queue.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The text that was sent.
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

/** What a handler gets for a text: its JSON value, or the text when it is none. (lib fromRpcTypedData) */
export function handlerInput(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** What the context of a queue-triggered function tells of its message. (lib fromRpcTriggerMetadata) */
export function triggerMetadata(message: QueueMessage, text: string): TriggerMetadata {
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
