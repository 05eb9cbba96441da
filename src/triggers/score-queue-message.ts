/** The trigger of queues in Azure Storage: each message is a body, and its answer a message with its id. */
import { ScoringError } from '../errors.ts'
import type { QueueTrigger } from '../models/definition/triggers.ts'
import { encode } from '../tensor/python-json.ts'
import { asBytes } from './message.ts'
import {
  type Answer,
  describeError,
  explainRefusal,
  MessageFailed,
  type Scoring,
  scoreMessage,
} from './score-message.ts'

/** Azure: Put Message. */
const maxMessageBytes = 65_536

/** What the host tells of a message. */
export interface QueueFacts {
  /** In its queue: senders know it. */
  readonly id: string
  /** From 1. */
  readonly deliveryCount?: number | undefined
}

/** What is written once a message has been scored. */
export interface QueueWrites {
  /** For the output queue. */
  readonly answer: string
  /** For the poison queue: the message as it came; undefined: it was scored. */
  readonly poison?: string
}

/**
 * Scores a message. One that can never be scored is moved to the poison queue at once, and its answer says why.
 *
 * @throws MessageFailed when another try may succeed: the host delivers the message again
 */
export async function scoreQueueMessage(
  input: unknown,
  { id, deliveryCount }: QueueFacts,
  trigger: QueueTrigger,
  { log, ...scoring }: Scoring & { log: (line: string) => void },
): Promise<QueueWrites> {
  const bytes = asBytes(input)
  const body = readQueueMessage(bytes, trigger.encoding)
  const { contentType, input: source } = trigger
  const outcome = await scoreMessage({ body, contentType, id, source, deliveryCount }, scoring)
  if (outcome.kind === 'failed') throw new MessageFailed(`message ${id} of queue ${trigger.input}`, outcome.error)
  const answer = outcome.kind === 'answered' ? encodeAnswer(id, outcome.answer) : undefined
  if (answer !== undefined && Buffer.byteLength(answer) <= maxMessageBytes) return { answer }
  const refusal = outcome.kind === 'refused' ? outcome : { error: tooLarge(Buffer.byteLength(answer as string)) }
  outcome.metrics?.messageRefused(scoring.trigger)
  log(`message ${id} of queue ${trigger.input} goes to ${trigger.input}-poison: ${describeError(refusal.error)}`)
  const failure = encodeFailure(id, refusal.error.code, explainRefusal(refusal))
  return { answer: failure, poison: Buffer.from(bytes).toString() }
}

/**
 * @param encoding  undefined: base64 where the message is nothing but that, which JSON with rows never is
 * @returns the body
 */
export function readQueueMessage(message: Uint8Array, encoding: QueueTrigger['encoding']): Uint8Array {
  if (encoding === 'text') return message
  const text = Buffer.from(message.buffer, message.byteOffset, message.byteLength).toString('latin1').trim()
  const isBase64 = text.length > 0 && text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text)
  return encoding === 'base64' || isBase64 ? Buffer.from(text, 'base64') : message
}

/** `{"id": …, "answer": …}` with the JSON as the service wrote it, or `{"id": …, "contentType": …, "base64": …}`. */
function encodeAnswer(id: string, { body, contentType }: Answer): string {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  if (/^application\/json\b/i.test(contentType)) return `{"id": ${JSON.stringify(id)}, "answer": ${bytes.toString()}}`
  return encode({ id, contentType, base64: bytes.toString('base64') })
}

function encodeFailure(id: string, code: string, message: string): string {
  const encodeWith = (text: string) => encode({ id, error: { code, message: text } })
  const whole = encodeWith(message)
  return Buffer.byteLength(whole) <= maxMessageBytes ? whole : encodeWith(message.slice(0, 4000))
}

function tooLarge(bytes: number): ScoringError {
  return new ScoringError(
    'ANSWER_TOO_LARGE',
    `The answer has ${bytes} bytes, and a message of a queue at most ${maxMessageBytes}; send fewer rows in a message, or use blobs or a batch job.`,
  )
}
