import { movedFromBytes } from './dispatch.ts'
import type { InferenceRequest } from './inference-request.ts'
import { type Failure, failure, type InferenceResult } from './inference-result.ts'

/** How long a caller waits for its answer. */
export interface Patience {
  readonly timeoutMs: number
  /** As `performance.now()`. */
  readonly since: number
}

/** A request from the moment it is submitted until it is settled. */
export interface WaitingRequest {
  readonly request: InferenceRequest
  /** Place in the order in which requests came to the scheduler. */
  readonly order: number
  /** By the clock of the scheduler. */
  readonly acceptedAt: number
  /** Of a batch job: it waits behind what callers wait for. */
  readonly isBackground: boolean
  /** By the clock of the scheduler. That of a background request is infinite until a thread takes it. */
  deadline: number
  /** What the deadline came from: the time that the service, or this caller, grants. */
  readonly timeoutMs: number
  /** Whether the caller has left; such work is not started. */
  readonly isAbandoned: () => boolean
  /** Only the first call counts. */
  readonly settle: (answer: InferenceResult) => void
  /** From its acceptance until a thread got it. */
  queueMs: number
  /** Ends of its thread that it may have had to do with. */
  attempts: number
  /** It was in a run that ended a thread: it runs alone, so that the next end tells who did it. */
  isSuspect: boolean
}

/** It is handed over without company: it may have ended a thread, or its body is moved. */
export function runsAlone({ isSuspect, request }: WaitingRequest): boolean {
  return isSuspect || request.body.byteLength >= movedFromBytes
}

/**
 * It can go to a thread that has a long request under way. A script may end its thread, and with it what was moved there:
 * what may have done so already, or would be moved, waits.
 */
export function canJoin(waiting: WaitingRequest, hasEntryScript: boolean): boolean {
  return !runsAlone(waiting) || !(waiting.isSuspect || hasEntryScript)
}

/** Whether it can be handed over once more: its body was copied, not moved. */
export function canRunAgain({ request }: WaitingRequest): boolean {
  return !(request.body.buffer as ArrayBuffer).detached
}

/** Bytes of a body that are about as much work as a request is without them. */
const bytesPerWork = 2048

/** What a request costs, in requests without a body: its rows are not known before a thread decodes it, but its bytes are. */
export function workOf({ request }: WaitingRequest): number {
  return 1 + request.body.byteLength / bytesPerWork
}

/** Of a request as the log calls it. */
export function nameOf({ request, isBackground }: WaitingRequest): string {
  return request.id ?? (isBackground ? 'of a batch job' : 'without an id')
}

export function timedOut(timeoutMs: number): Failure {
  return failure('SCORING_TIMEOUT', `Scoring timeout after ${timeoutMs} ms`)
}

export function abandoned(): Failure {
  return failure('BODY_ABORTED', 'The caller closed the connection.')
}

export function stopping(): Failure {
  return failure('SERVICE_STOPPING', 'The service is shutting down.')
}
