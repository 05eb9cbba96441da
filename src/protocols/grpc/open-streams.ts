import { ScoringError } from '../../errors.ts'
import type { Http2Call } from './call.ts'

/** How often streams are looked at while there are any. */
const lookEveryMs = 250

/**
 * Calls that last as long as their callers like. When their connection is drained they end after the answers that they owe, as it
 * stays open for them otherwise.
 */
export class OpenStreams {
  readonly #calls = new Set<Http2Call>()
  #timer: NodeJS.Timeout | undefined

  /** Ends the call with the status OK when its work is done. @throws what the work throws, SERVICE_STOPPING */
  async run(call: Http2Call, work: () => Promise<void>): Promise<void> {
    this.#calls.add(call)
    this.#timer ??= setInterval(() => this.#look(), lookEveryMs).unref()
    try {
      await work()
      call.end()
    } finally {
      this.#calls.delete(call)
      if (this.#calls.size === 0) {
        clearInterval(this.#timer)
        this.#timer = undefined
      }
    }
  }

  #look(): void {
    for (const call of this.#calls) {
      if (!call.isDrained) continue
      this.#calls.delete(call)
      call.messages.fail(new ScoringError('SERVICE_STOPPING', 'The service is shutting down; call again.'))
    }
  }
}
