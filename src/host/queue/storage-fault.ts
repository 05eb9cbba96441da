/** A call to storage that failed; the message may be logged: it has no addresses with signatures, and no headers. */
export class StorageFault extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'StorageFault'
  }
}

export function asStorageFault(error: unknown): StorageFault {
  if (error instanceof StorageFault) return error
  const facts = [statusOf(error), codeOf(error)].filter(fact => fact !== undefined && fact !== '')
  return new StorageFault(`storage failed with ${facts.length > 0 ? facts.join(' ') : (error as Error)?.name}`)
}

/** For `catch`. */
export function rethrow(error: unknown): never {
  throw asStorageFault(error)
}

/** HTTP status of the answer; undefined when there was none. */
export function statusOf(error: unknown): number | undefined {
  return (error as { statusCode?: number } | undefined)?.statusCode
}

/** e.g. `QueueNotFound`, `ECONNREFUSED`; empty when there is none. */
export function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | undefined)?.code ?? '')
}
