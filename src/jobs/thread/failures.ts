/** Failures on their way to another thread: a copy of an error would be no instance of its class. */
import { type ErrorCode, ScoringError } from '../../errors.ts'
import { StorageError } from '../blob-store.ts'
import { JobFailure } from '../failure.ts'

export type SentFailure = { readonly message: string; readonly stack?: string | undefined } & (
  | {
      readonly kind: 'scoring'
      readonly code: ErrorCode
      readonly retryAfterSeconds: number | undefined
    }
  | { readonly kind: 'job' | 'storage'; readonly code: string }
  | { readonly kind: 'other'; readonly name: string }
)

/** Why the calls of a thread fail that has ended. */
export class ThreadEnded extends Error {}

export function sendFailure(failure: unknown): SentFailure {
  if (!(failure instanceof Error)) return { kind: 'other', name: 'Error', message: String(failure) }
  const { message, stack, name } = failure
  if (failure instanceof ScoringError) {
    const { code, retryAfterSeconds } = failure
    return { kind: 'scoring', code, retryAfterSeconds, message, stack }
  }
  if (failure instanceof JobFailure) return { kind: 'job', code: failure.code, message, stack }
  if (failure instanceof StorageError) return { kind: 'storage', code: failure.code, message, stack }
  return { kind: 'other', name, message, stack }
}

/** @returns an error of the same class, if its receivers tell it by that, with the stack of its origin */
export function readFailure(sent: SentFailure): Error {
  const failure = create(sent)
  if (sent.stack !== undefined) failure.stack = sent.stack
  return failure
}

function create(sent: SentFailure): Error {
  const { message } = sent
  switch (sent.kind) {
    case 'scoring':
      return new ScoringError(sent.code, message, { retryAfterSeconds: sent.retryAfterSeconds })
    case 'job':
      return new JobFailure(sent.code, message)
    case 'storage':
      return new StorageError(message, sent.code)
    case 'other':
      return Object.assign(new Error(message), { name: sent.name })
  }
}
