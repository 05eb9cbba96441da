import type { ErrorCode } from '../errors.ts'
import { movedFromBytes, type ScoringAnswer, type ScoringRequest } from './hand-over.ts'

/** A request from the moment it is submitted until it is settled. */
export interface WaitingRequest {
  readonly request: ScoringRequest
  /** As `performance.now()`. */
  readonly acceptedAt: number
  /** As `Date.now()`. */
  readonly deadline: number
  /** Whether the caller has left; such work is not started. */
  readonly isAbandoned: () => boolean
  /** Only the first call counts. */
  readonly settle: (answer: ScoringAnswer) => void
  /** From its acceptance until a thread got it. */
  queueMs: number
  /** Ends of its thread that it has seen. */
  attempts: number
  /** It was in a run that ended a thread: it runs alone, so that the next end tells who did it. */
  isSuspect: boolean
}

/** It is handed over without company: it may have ended a thread, or its body is moved. */
export function runsAlone({ isSuspect, request }: WaitingRequest): boolean {
  return isSuspect || request.body.byteLength >= movedFromBytes
}

/** Whether it can be handed over once more: its body was copied, not moved. */
export function canRunAgain({ request }: WaitingRequest): boolean {
  return !(request.body.buffer as ArrayBuffer).detached
}

export function failed(code: ErrorCode, message: string): ScoringAnswer {
  return { code, message }
}

export function timedOut(timeoutMs: number): ScoringAnswer {
  return failed('SCORING_TIMEOUT', `Scoring timeout after ${timeoutMs} ms`)
}

export function stopping(): ScoringAnswer {
  return failed('SERVICE_STOPPING', 'The service is shutting down.')
}
