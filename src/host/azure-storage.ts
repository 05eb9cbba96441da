/** What the clients of queues and blobs share: how they retry, and how their failures read. */

/** Callers retry no call but the polls of a queue, so the SDK does. */
export const clientOptions = {
  retryOptions: { maxTries: 3, tryTimeoutInMs: 30_000, retryDelayInMs: 200, maxRetryDelayInMs: 1000 },
}

/** A failed call to storage. The message may be logged: it has no signed URLs and no headers. */
class StorageFault extends Error {
  override readonly name = 'StorageFault'
}

export function asStorageFault(error: unknown): StorageFault {
  if (error instanceof StorageFault) return error
  const facts = [httpStatus(error), errorCode(error)].filter(fact => fact !== undefined && fact !== '')
  return new StorageFault(`storage failed with ${facts.length > 0 ? facts.join(' ') : (error as Error)?.name}`)
}

/** @returns undefined when there was no response */
export function httpStatus(error: unknown): number | undefined {
  return (error as { statusCode?: number } | undefined)?.statusCode
}

/** @returns e.g. `QueueNotFound`, `ECONNREFUSED`; empty when there is none */
export function errorCode(error: unknown): string {
  return String((error as { code?: unknown } | undefined)?.code ?? '')
}
