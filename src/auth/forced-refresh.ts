import type { Clock } from '../clock.ts'
import type { KeyReader } from './key-reader.ts'
import { keyTimes, maxWaiting } from './key-times.ts'

/**
 * Reads keys before they are due, because a caller has sent a key that is not known yet: a rotated key then works at once.
 * Forced reads are limited to one in ten seconds for the whole app, so that guessing keys does not load the vault. A read
 * that finds a new key does not count, since it was a rotation and no guess. Among the services that ask for a read, the one
 * whose last read is longest ago comes first, so that a flood on one service does not delay the others.
 */
export class ForcedRefresh {
  readonly #clock: Clock
  readonly #isLocal: boolean
  readonly #pending = new Set<KeyReader>()
  /** Time from which the next read may start (monotonic). */
  #allowedAt = Number.NEGATIVE_INFINITY
  #cancelTimer: (() => void) | undefined
  readonly #readAt = new Map<KeyReader, number>()
  #waiting = 0

  /** @param isLocal  the secrets are on this machine, so that reads need no limit */
  constructor(clock: Clock, isLocal = false) {
    this.#clock = clock
    this.#isLocal = isLocal
  }

  /**
   * Waits for a read that may find an unknown key, as long as a request may wait for it.
   *
   * @param isSuspect  whether the caller has sent many wrong keys
   * @param until      how long it may wait (monotonic)
   * @returns undefined when no read is coming
   */
  request(reader: KeyReader, isSuspect: boolean, until: number): Promise<void> | undefined {
    const reading = this.#read(reader, isSuspect)
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
    this.#pending.clear()
  }

  #read(reader: KeyReader, isSuspect: boolean): Promise<unknown> | undefined {
    const isFirst = reader.startedCount === 0 // no guess could cause a second one
    if (reader.isReading || isFirst || this.#isLocal) return reader.read()
    const now = this.#clock.monotonicMs()
    if (isSuspect && now - this.#lastReadAt(reader) < keyTimes.forcedReadIntervalOfSuspectsMs) return undefined
    this.#pending.add(reader)
    return this.#startNext() === reader ? reader.read() : undefined
  }

  /** Starts the next pending read if the limit allows one, else sets a timer for it. */
  #startNext(): KeyReader | undefined {
    const waitMs = this.#allowedAt - this.#clock.monotonicMs()
    const reader = waitMs > 0 ? undefined : this.#longestWaiting()
    if (reader) this.#start(reader)
    if (this.#pending.size > 0 && !this.#cancelTimer) {
      this.#cancelTimer = this.#clock.after(this.#allowedAt - this.#clock.monotonicMs(), () => {
        this.#cancelTimer = undefined
        this.#startNext()
      })
    }
    return reader
  }

  #longestWaiting(): KeyReader | undefined {
    return [...this.#pending].sort((a, b) => this.#lastReadAt(a) - this.#lastReadAt(b))[0]
  }

  #lastReadAt(reader: KeyReader): number {
    return this.#readAt.get(reader) ?? Number.NEGATIVE_INFINITY
  }

  #start(reader: KeyReader): void {
    const now = this.#clock.monotonicMs()
    const allowedAt = now + keyTimes.forcedReadIntervalMs
    this.#allowedAt = allowedAt
    this.#readAt.set(reader, now)
    this.#pending.delete(reader)
    reader.read().then(isNew => {
      if (isNew && this.#allowedAt === allowedAt) this.#allowedAt = this.#clock.monotonicMs()
    })
  }
}
