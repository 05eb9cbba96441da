import type { IncomingMessage } from 'node:http'
import { declaredLength } from './request-body.ts'

/** Unread bytes that are read and dropped to keep a connection; with more to come it is closed after the answer. */
const keptUnreadBytes = 256 * 1024
/** How long and how much a client may go on sending after it was answered, so that it gets to read the answer. */
const linger = { maxMs: 10_000, maxBytes: 2 ** 30 }

/** Whether more of the request may still come than is worth reading to keep the connection. */
export function isMuchUnread(incoming: IncomingMessage): boolean {
  return !incoming.complete && (declaredLength(incoming) ?? Number.POSITIVE_INFINITY) > keptUnreadBytes
}

/** Reads and drops what the client still sends. */
export function dropRest(incoming: IncomingMessage): Promise<void> {
  return new Promise(resolve => {
    let size = 0
    const finish = () => {
      clearTimeout(timer)
      resolve()
    }
    const timer = setTimeout(finish, linger.maxMs)
    incoming.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > linger.maxBytes) finish()
    })
    incoming.on('end', finish).on('close', finish).on('error', finish).resume()
  })
}
