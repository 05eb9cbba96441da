import { BodyTooLarge, ScoringError } from '../../errors.ts'
import { asBodyFailure, iterateStream, type LeastPace, leastPace, stalled } from './read-body.ts'
import type { WireRequest } from './wire.ts'

/**
 * Yields a body that is not held as a whole. Only the time that the client takes counts against the pace.
 *
 * @throws ScoringError BODY_ABORTED, REQUEST_TIMEOUT when it stops coming, BODY_TOO_LARGE when it is larger than the host takes
 */
export async function* streamBody(request: WireRequest, pace: LeastPace = leastPace): AsyncGenerator<Uint8Array> {
  const pieces = iterateStream(request.body ?? null)
  const timer = new PaceTimer(pace)
  try {
    for (;;) {
      const { done, value } = await timer.waitFor(pieces.next())
      if (done) return
      timer.came(value.byteLength)
      yield value
    }
  } catch (failure) {
    throw asStreamFailure(failure)
  } finally {
    // A read in progress would keep this waiting.
    void pieces.return(undefined).catch(() => {})
  }
}

function asStreamFailure(failure: unknown): ScoringError {
  // A fetch Request wraps what its source throws.
  const found = [failure, (failure as { cause?: unknown } | undefined)?.cause].find(
    each => each instanceof BodyTooLarge,
  )
  if (!(found instanceof BodyTooLarge)) return asBodyFailure(failure, 0)
  const limit = `${found.limitBytes} bytes (FUNCTIONS_REQUEST_BODY_SIZE_LIMIT)`
  return new ScoringError('BODY_TOO_LARGE', `The request body is larger than the host takes: ${limit}.`)
}

/** Measures how long a client makes the server wait for how many bytes. */
class PaceTimer {
  readonly #pace: LeastPace
  #waitedMs = 0
  #bytes = 0

  constructor(pace: LeastPace) {
    this.#pace = pace
  }

  /** @throws ScoringError REQUEST_TIMEOUT */
  async waitFor<T>(piece: Promise<T>): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>()
    const startedAt = performance.now()
    const timer = setTimeout(() => reject(stalled(this.#pace)), this.#pace.everyMs - this.#waitedMs)
    piece.catch(() => {}) // when the time is up, nobody waits for it
    try {
      return await Promise.race([piece, promise])
    } finally {
      clearTimeout(timer)
      this.#waitedMs += performance.now() - startedAt
    }
  }

  came(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes < this.#pace.bytes) return
    this.#waitedMs = 0
    this.#bytes = 0
  }
}
