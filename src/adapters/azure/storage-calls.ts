import { setTimeout as pause } from 'node:timers/promises'
import type { StoragePipelineOptions } from '@azure/storage-blob'
import { httpStatus, storageError } from './storage-failure.ts'

/** How calls of the storage are made. */
export interface StorageCallOptions {
  /** A call that has no answer by then fails; also a read that gets no further bytes for so long. */
  readonly deadlineMs: number
  /** The SDK tries again at once, then after 1, 3 and 7 times as long. */
  readonly retryDelayMs: number
}

export const usualCalls: StorageCallOptions = { deadlineMs: 60_000, retryDelayMs: 300 }

/** Of one call, and of one read without a byte more. */
export const maxTries = 5

/**
 * The SDK tries again after connections that break and after 500 and 503, which is how Azure Storage says that it is
 * busy. It follows no redirects: storage never redirects, and what does may not get hold of a signature.
 */
export function clientOptions({ retryDelayMs }: StorageCallOptions) {
  return {
    retryOptions: { maxTries, retryDelayInMs: retryDelayMs, maxRetryDelayInMs: 10 * retryDelayMs },
    redirectOptions: { maxRetries: 0 },
  } satisfies StoragePipelineOptions & { redirectOptions: unknown }
}

/**
 * One call with a deadline.
 *
 * @param what   e.g. `create the blob jobs/nightly/spec.json`
 * @param known  the answer where a failure is one, e.g. that there is no such blob; undefined: it is a failure
 * @throws StorageError
 */
export async function storageCall<Result>(
  what: string,
  calls: StorageCallOptions,
  work: (signal: AbortSignal) => Promise<Result>,
  known: (failure: unknown) => { readonly is: Result } | undefined = () => undefined,
): Promise<Result> {
  const abort = new AbortController()
  const { promise: ended, reject } = Promise.withResolvers<never>()
  const end = () => {
    abort.abort()
    reject(abort.signal.reason) // some credentials know nothing of signals
  }
  // Cleared, because the signal goes on to hold the body of an answer, which has a watch of its own.
  const deadline = setTimeout(end, calls.deadlineMs)
  try {
    return await Promise.race([tryWhileThrottled(calls, () => work(abort.signal)), ended])
  } catch (failure) {
    const answer = known(failure)
    if (answer) return answer.is
    throw storageError(what, failure, abort.signal)
  } finally {
    clearTimeout(deadline)
  }
}

/** 429 is the one answer that means "later" and that the SDK does not try again after. */
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

/** Waits as the SDK does. @param failures  how many there were in a row, from 1 */
export function pauseAfter(failures: number, { retryDelayMs }: StorageCallOptions): Promise<void> {
  return pause((2 ** (failures - 1) - 1) * retryDelayMs)
}
