import { ScoringError } from '../../../errors.ts'
import type { BusMessage } from '../../../triggers/service-bus.ts'
import { type BusAddress, signToken } from './bus-address.ts'

export interface HttpSending {
  readonly address: BusAddress
  /** A token of Entra ID for Service Bus; only called for an identity. */
  readonly identityToken: (clientId: string | undefined) => Promise<string>
  /** Milliseconds since 1970. */
  readonly now: () => number
}

const timeoutMs = 30_000
const tokenSeconds = 900

/**
 * Sends a message over HTTPS ("Send message" of the Service Bus REST API): the output binding of Azure's host sends bodies without
 * ids, and the SDK is larger than all of this app's own code.
 *
 * @returns ANSWER_TOO_LARGE when the queue takes no message of this size
 * @throws Error that may be logged
 */
export async function sendOverHttp(
  queue: string,
  message: BusMessage,
  { address, identityToken, now }: HttpSending,
): Promise<ScoringError | undefined> {
  const resource = `${address.url}/${queue.split('/').map(encodeURIComponent).join('/')}`
  const { access } = address
  const token =
    access.kind === 'key'
      ? signToken(resource, access.keyName, access.key, Math.floor(now() / 1000) + tokenSeconds)
      : `Bearer ${await identityToken(access.clientId)}`
  const { body, contentType, messageId, correlationId, to, sessionId } = message
  const properties = { MessageId: messageId, CorrelationId: correlationId, To: to, SessionId: sessionId }
  const headers = { authorization: token, 'content-type': contentType, brokerproperties: asciiJson(properties) }
  const signal = AbortSignal.timeout(timeoutMs)
  let status: number
  try {
    const response = await fetch(`${resource}/messages?api-version=2017-04`, {
      method: 'POST',
      headers,
      body: new Uint8Array(body),
      signal,
      redirect: 'error', // a key or token must not travel to another address
    })
    status = response.status
    await response.arrayBuffer()
  } catch (failure) {
    const { name, cause } = failure as Error & { cause?: { code?: string } }
    throw new Error(`the queue "${queue}" could not be reached: ${cause?.code ?? name}`)
  }
  if (status === 201) return undefined
  if (status === 413) return tooLarge(queue, body.byteLength)
  throw new Error(`the queue "${queue}" answered with status ${status}${explain(status)}`)
}

export function tooLarge(queue: string, bytes: number): ScoringError {
  return new ScoringError(
    'ANSWER_TOO_LARGE',
    `The answer has ${bytes} bytes, more than a message of the queue "${queue}" may have; send fewer rows in a message, or use blobs or a batch job.`,
  )
}

function explain(status: number): string {
  if (status === 401 || status === 403)
    return ': the app needs the role Azure Service Bus Data Sender, or a key with Send'
  return status === 404 ? ': there is no such queue' : ''
}

/** Headers are ASCII. */
function asciiJson(value: object): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
