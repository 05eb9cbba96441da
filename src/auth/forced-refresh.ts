import type { Clock } from './clock.ts'
import type { KeyReader } from './key-reader.ts'
import { keyTimes, maxWaiting } from './key-times.ts'

/**
 * Lets a key that nobody knows yet be looked for in the vault before its time, but for the whole app only once in ten
 * seconds: a rotated key works at once, and who guesses keys cannot drive the vault. A read that finds a new key costs
 * nothing: rotations are no guesses. Of the services that want a turn the one gets it whose last one is longest ago, so a
 * flood on one does not keep the others waiting.
 */
export class ForcedRefresh {
  readonly #clock: Clock
  readonly #isLocal: boolean
  readonly #wanted = new Set<KeyReader>()
  /** When the next turn may be taken (monotonic). */
  #freeAt = Number.NEGATIVE_INFINITY
  #cancelTimer: (() => void) | undefined
  readonly #turns = new Map<KeyReader, number>()
  #waiting = 0

  /** @param isLocal  the secrets lie beside the app, and nobody is driven */
  constructor(clock: Clock, isLocal = false) {
    this.#clock = clock
    this.#isLocal = isLocal
  }

  /**
   * Waits for a read that may find an unknown key, as long as a request may wait for it.
   *
   * @param isSuspect  whether the caller has shown many wrong keys
   * @param until      how long it may wait (monotonic)
   * @returns undefined when there is nothing to wait for
   */
  ask(reader: KeyReader, isSuspect: boolean, until: number): Promise<void> | undefined {
    const reading = this.#readingFor(reader, isSuspect)
    if (!reading || this.#waiting >= maxWaiting) return undefined
    this.#waiting++
    return new Promise(resolve => {
      let isOver = false
      const end = () => {
        if (isOver) return
        isOver = true
        cancel()
        this.#waiting--
        resolve()
      }
      const cancel = this.#clock.after(until - this.#clock.monotonicMs(), end)
      reading.finally(end)
    })
  }

  stop(): void {
    this.#cancelTimer?.()
    this.#wanted.clear()
  }

  #readingFor(reader: KeyReader, isSuspect: boolean): Promise<unknown> | undefined {
    if (reader.isReading || this.#isLocal) return reader.read()
    const now = this.#clock.monotonicMs()
    if (isSuspect && now - this.#lastRefreshAt(reader) < keyTimes.forcedReadIntervalOfSuspectsMs) return undefined
    this.#wanted.add(reader)
    return this.#serveNext() === reader ? reader.read() : undefined
  }

  /** Gives the turn to the service that has gone without one for longest, or sees to it that this happens when there is one. */
  #serveNext(): KeyReader | undefined {
    const waitMs = this.#freeAt - this.#clock.monotonicMs()
    const reader = waitMs > 0 ? undefined : this.#firstWanted()
    if (reader) this.#take(reader)
    if (this.#wanted.size > 0 && !this.#cancelTimer) {
      this.#cancelTimer = this.#clock.after(this.#freeAt - this.#clock.monotonicMs(), () => {
        this.#cancelTimer = undefined
        this.#serveNext()
      })
    }
    return reader
  }

  #firstWanted(): KeyReader | undefined {
    return [...this.#wanted].sort((a, b) => this.#lastRefreshAt(a) - this.#lastRefreshAt(b))[0]
  }

  #lastRefreshAt(reader: KeyReader): number {
    return this.#turns.get(reader) ?? Number.NEGATIVE_INFINITY
  }

  #take(reader: KeyReader): void {
    const now = this.#clock.monotonicMs()
    const turn = now + keyTimes.forcedReadIntervalMs
    this.#freeAt = turn
    this.#turns.set(reader, now)
    this.#wanted.delete(reader)
    reader.read().then(isNew => {
      if (isNew && this.#freeAt === turn) this.#freeAt = this.#clock.monotonicMs()
    })
  }
}
