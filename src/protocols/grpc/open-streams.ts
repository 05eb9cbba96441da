import { ScoringError } from '../../errors.ts'
import type { Http2Call } from './call.ts'

/** Most streams of a kind at a time: they need no key before their first message, and health none at all. */
export const defaultMaxStreams = 1024

/** How often streams are looked at while there are any. */
const lookEveryMs = 250

/**
 * Calls that last as long as their callers like. When their connection is drained they end after the answers that they owe, as it
 * stays open for them otherwise.
 */
export class OpenStreams {
  readonly #calls = new Set<Http2Call>()
  readonly #maxStreams: number
  #timer: NodeJS.Timeout | undefined

  constructor(maxStreams: number) {
    this.#maxStreams = maxStreams
  }

  /** Ends the call with the status OK when its work is done. @throws QUEUE_FULL, SERVICE_STOPPING, what the work throws */
  async run(call: Http2Call, work: () => Promise<void>): Promise<void> {
    if (this.#calls.size >= this.#maxStreams)
      throw new ScoringError('QUEUE_FULL', `The app is busy: ${this.#calls.size} streams are open; try again later.`)
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
