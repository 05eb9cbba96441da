/** The trigger of Service Bus queues: each message is a body, and its answer a message that belongs to it. */
import { createHash } from 'node:crypto'
import type { ScoringError } from '../errors.ts'
import type { ServiceBusTrigger } from '../models/definition/triggers.ts'
import { quoted } from '../telemetry/log.ts'
import { readTraceContext, type TraceContext } from '../telemetry/trace-context.ts'
import { asBytes, type Message } from './message.ts'
import { describeError, explainRefusal, MessageFailed, type Scoring, scoreMessage } from './score-message.ts'
import type { BusMessage, ServiceBus } from './service-bus.ts'

/** What the host tells of a message; absent where its sender did not say. */
export interface BusFacts {
  readonly lockToken?: unknown
  readonly messageId?: unknown
  readonly correlationId?: unknown
  readonly contentType?: unknown
  readonly replyTo?: unknown
  readonly replyToSessionId?: unknown
  readonly sequenceNumber?: unknown
  readonly enqueuedTimeUtc?: unknown
  readonly deliveryCount?: unknown
  /** What its sender has added. */
  readonly applicationProperties?: unknown
}

type BusScoring = Scoring & {
  readonly service: string
  /** Of the invocation. */
  readonly id: string
  readonly bus: ServiceBus
  readonly log: (line: string) => void
}

/**
 * Scores a message and sends its answer; the host then completes the message. One that can never be scored becomes a dead letter
 * with the reason.
 *
 * @throws MessageFailed when another try may succeed: the host abandons the message, which Service Bus delivers again, and moves to
 *   the dead letters after the deliveries that the queue allows
 */
export async function scoreBusMessage(
  input: unknown,
  facts: BusFacts,
  trigger: ServiceBusTrigger,
  { service, id, bus, log, ...scoring }: BusScoring,
): Promise<void> {
  const own = quoted(text(facts.messageId) ?? text(facts.sequenceNumber) ?? id)
  const name = `message ${own} of queue ${trigger.input}`
  const contentType = trigger.contentType ?? text(facts.contentType) ?? 'application/json'
  const { deliveryCount, applicationProperties } = facts
  const message: Message = {
    body: asBytes(input),
    contentType,
    id,
    source: trigger.input,
    deliveryCount: typeof deliveryCount === 'number' ? deliveryCount : undefined,
    sender: readSender(applicationProperties),
  }
  const outcome = await scoreMessage(message, scoring)
  if (outcome.kind === 'failed') throw new MessageFailed(name, outcome.error)
  let refusal: { readonly error: ScoringError; readonly detail?: string } | undefined
  if (outcome.kind === 'refused') refusal = outcome
  else {
    const error = await send(name, bus.send(trigger, makeAnswer(service, trigger.input, facts, outcome.answer)))
    refusal = error && { error }
  }
  if (refusal === undefined) return
  outcome.metrics?.messageRefused(scoring.trigger)
  log(`${name} is moved to the dead letters: ${describeError(refusal.error)}`)
  await bus.deadLetter(String(facts.lockToken), refusal.error.code, explainRefusal(refusal).slice(0, maxDescription))
}

/** The span of the sender: Azure's SDKs write it as `Diagnostic-Id`. The library of functions makes the first letter a small one. */
function readSender(properties: unknown): TraceContext | undefined {
  if (typeof properties !== 'object' || properties === null) return undefined
  const values = new Map(Object.entries(properties).map(([name, value]) => [name.toLowerCase(), text(value)]))
  return readTraceContext(values.get('traceparent') ?? values.get('diagnostic-id'), values.get('tracestate'))
}

/** @throws MessageFailed */
async function send(name: string, sending: Promise<ScoringError | undefined>): Promise<ScoringError | undefined> {
  try {
    return await sending
  } catch (failure) {
    throw new MessageFailed(name, `its answer was not sent: ${(failure as Error).message}`)
  }
}

/** Service Bus takes 4,096 characters of reason and description. */
const maxDescription = 4000

/**
 * The answer to a message. Its id is the same for every delivery of that message, so that a queue with duplicate detection keeps one
 * answer. As with any request and reply on Service Bus, the correlation id is that of the request, or else its message id.
 */
export function makeAnswer(
  service: string,
  queue: string,
  facts: BusFacts,
  { body, contentType }: Pick<BusMessage, 'body' | 'contentType'>,
): BusMessage {
  const { messageId, sequenceNumber, enqueuedTimeUtc } = facts
  const delivered = JSON.stringify([service, queue, text(messageId), text(sequenceNumber), instant(enqueuedTimeUtc)])
  return {
    body,
    contentType,
    messageId: createHash('sha256').update(delivered).digest('hex').slice(0, 32),
    correlationId: text(facts.correlationId) ?? text(messageId),
    to: text(facts.replyTo),
    sessionId: text(facts.replyToSessionId),
  }
}

/** @returns undefined for what is absent or empty; some hosts give `{}` for what is absent */
function text(value: unknown): string | undefined {
  return (typeof value === 'string' && value !== '') || typeof value === 'number' ? String(value) : undefined
}

/** Hosts write the same time in several ways. */
function instant(value: unknown): string | undefined {
  const time = value instanceof Date ? value : new Date(String(value))
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString()
}
