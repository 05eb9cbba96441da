import { setTimeout as pause } from 'node:timers/promises'
import type { StoragePipelineOptions } from '@azure/storage-blob'
import { httpStatus, storageError } from './storage-failure.ts'

/** Timeouts and retries of storage calls. */
export interface StorageCallOptions {
  /** A call without an answer fails after this time; so does a read without further bytes. */
  readonly deadlineMs: number
  /** The SDK retries at once, and then after 1, 3 and 7 times this delay. */
  readonly retryDelayMs: number
}

export const usualCalls: StorageCallOptions = { deadlineMs: 60_000, retryDelayMs: 300 }

/** Most tries of a call, and of a read that makes no progress. */
export const maxTries = 5

/**
 * The SDK retries after broken connections, 500 and 503, which Azure Storage sends when it is busy. Redirects are not followed: storage
 * does not redirect, and another server must not receive a signature.
 */
export function clientOptions({ retryDelayMs }: StorageCallOptions) {
  return {
    retryOptions: { maxTries, retryDelayInMs: retryDelayMs, maxRetryDelayInMs: 10 * retryDelayMs },
    redirectOptions: { maxRetries: 0 },
  } satisfies StoragePipelineOptions & { redirectOptions: unknown }
}

export interface NamedCall<Result> {
  /** e.g. `create the blob jobs/nightly/spec.json` */
  readonly what: string
  /** Turns a failure that is an answer, e.g. that there is no such blob, into a result; undefined for any other failure. */
  readonly known?: (failure: unknown) => { readonly is: Result } | undefined
}

/**
 * Makes one call with a deadline.
 *
 * @throws StorageError
 */
export async function storageCall<Result>(
  { what, known }: NamedCall<Result>,
  calls: StorageCallOptions,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const abort = new AbortController()
  const { promise: ended, reject } = Promise.withResolvers<never>()
  const end = () => {
    abort.abort()
    reject(abort.signal.reason) // some credentials ignore signals
  }
  // The signal lives on in the body of the answer, which has a timeout of its own.
  const deadline = setTimeout(end, calls.deadlineMs)
  try {
    return await Promise.race([tryWhileThrottled(calls, () => work(abort.signal)), ended])
  } catch (failure) {
    const answer = known?.(failure)
    if (answer) return answer.is
    throw storageError(what, failure, abort.signal)
  } finally {
    clearTimeout(deadline)
  }
}

/** Retries after 429, which the SDK does not. */
async function tryWhileThrottled<Result>(calls: StorageCallOptions, work: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await work()
    } catch (failure) {
      if (httpStatus(failure) !== 429 || tries === maxTries) throw failure
      await pauseAfter(tries, calls)
    }
  }
}

/** Waits as long as the SDK does. @param failures  consecutive failures, from 1 */
export function pauseAfter(failures: number, { retryDelayMs }: StorageCallOptions): Promise<void> {
  return pause((2 ** (failures - 1) - 1) * retryDelayMs)
}
