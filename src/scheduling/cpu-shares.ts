/** A scheduler, as it meets others that want the processors. */
interface CpuUser {
  /** Whether callers wait for what it would dispatch now, not only a batch job. */
  isUrgent(): boolean
  /** A processor is free for it, if it calls `begin` at once. */
  onGranted(): void
}

/** Milliseconds after which a dispatch no longer keeps others from beginning. */
const sliceMs = 10
/** Most milliseconds that a scheduler which was idle may use before others. */
const maxCreditMs = 200
/** For so long after a call, more are expected. */
const callersMs = 1000

/**
 * Shares the processors between schedulers. At most `count` dispatches begin side by side; where more schedulers have work, the
 * one that has used the least time lately goes next (start-time fair queueing: Goyal, Vin and Cheng, 1996), and requests that
 * callers wait for go before all batch jobs.
 *
 * A dispatch cannot be interrupted, and its worker may be waiting for a file or another service, may be stuck, or may take
 * seconds. So it holds a processor for one time slice only: then another scheduler may begin beside it, and the operating
 * system shares the processors between them. Its time is charged all the same, so that a scheduler of long dispatches comes
 * after those of short ones. Requests of batch jobs never make callers wait.
 */
export class CpuShares {
  readonly #count: number
  readonly #now: () => number
  /** Dispatches that hold a processor, oldest first. */
  readonly #held = new Set<CpuSlice>()
  #heldByJobs = 0
  readonly #waiting = new Set<CpuShare>()
  /** The share that a free processor is offered to. */
  #chosen: CpuShare | undefined
  /** What the scheduler that began last had used by then. */
  #virtualMs = 0
  #timer: NodeJS.Timeout | undefined
  #shareCount = 0
  #calledAt = Number.NEGATIVE_INFINITY

  /**
   * @param count  processors, or more where scripts wait for other things than processors
   * @param now  milliseconds, of a clock that never jumps
   */
  constructor(count: number, now: () => number) {
    this.#count = count
    this.#now = now
  }

  join(user: CpuUser): CpuShare {
    this.#shareCount++
    return new CpuShare(user, this)
  }

  /** For `CpuShare`. */
  called(): void {
    this.#calledAt = this.#now()
  }

  /** For `CpuShare`. */
  get hasCallers(): boolean {
    return this.#now() - this.#calledAt < callersMs
  }

  /** For `CpuShare`. */
  leave(share: CpuShare): void {
    this.#shareCount--
    this.#waiting.delete(share)
  }

  /** For `CpuShare`. */
  begin(share: CpuShare): CpuSlice | undefined {
    const now = this.#now()
    const isUrgent = share.user.isUrgent()
    const isChosen = this.#chosen === share
    this.#chosen = undefined
    // A scheduler that had no work begins where the others are: it gets back only a small part of what it did not use.
    if (!isChosen && !this.#waiting.has(share))
      share.chargedMs += Math.max(0, this.#virtualMs - maxCreditMs - share.usedMs(now))
    if ((this.#waiting.size > 0 && !isChosen) || !this.#isFree(isUrgent)) {
      this.#waiting.add(share)
      this.#endSlices(now)
      if (this.#next(now) !== share || !this.#isFree(isUrgent)) {
        this.#watchSlices(now)
        return undefined
      }
      this.#waiting.delete(share)
    }
    this.#virtualMs = Math.max(this.#virtualMs, share.chargedMs)
    const slice = new CpuSlice({ share, startedAt: now, isOfJob: !isUrgent, isContested: this.#shareCount > 1 }, this)
    this.#held.add(slice)
    if (slice.isOfJob) this.#heldByJobs++
    share.runningCount++
    share.sumOfStarts += now
    return slice
  }

  /** For `CpuSlice`. */
  end(slice: CpuSlice, computedMs: number | undefined, hasMore: boolean): void {
    const { share, startedAt } = slice
    const tookMs = this.#now() - startedAt
    share.runningCount--
    share.sumOfStarts = share.runningCount === 0 ? 0 : share.sumOfStarts - startedAt
    share.chargedMs += Math.min(tookMs, computedMs ?? tookMs)
    this.#release(slice)
    if (this.#waiting.size === 0) return
    if (hasMore) this.#waiting.add(share)
    this.#wake()
  }

  #isFree(isUrgent: boolean): boolean {
    return this.#held.size - (isUrgent ? this.#heldByJobs : 0) < this.#count
  }

  #release(slice: CpuSlice): void {
    if (this.#held.delete(slice) && slice.isOfJob) this.#heldByJobs--
  }

  /** Releases the processors of dispatches whose slice is over. */
  #endSlices(now: number): void {
    for (const slice of this.#held) {
      if (now - slice.startedAt < sliceMs) return
      this.#release(slice)
    }
  }

  /** Gives free processors to the shares that wait. */
  #wake(): void {
    const now = this.#now()
    this.#endSlices(now)
    for (let next = this.#next(now); next; next = this.#next(now)) {
      if (!this.#isFree(next.user.isUrgent())) return this.#watchSlices(now)
      this.#waiting.delete(next)
      this.#chosen = next
      next.user.onGranted() // it calls `begin`, if it still has something to run, and a worker for it
      this.#chosen = undefined
    }
  }

  /** Chooses what callers wait for, then what has used the least. */
  #next(now: number): CpuShare | undefined {
    let best: CpuShare | undefined
    let bestIsUrgent = false
    for (const share of this.#waiting) {
      const isUrgent = share.user.isUrgent()
      const isBetter = isUrgent === bestIsUrgent && best ? share.usedMs(now) < best.usedMs(now) : isUrgent || !best
      if (!isBetter) continue
      best = share
      bestIsUrgent = isUrgent
    }
    return best
  }

  /** Looks again when the slice of the oldest dispatch is over. */
  #watchSlices(now: number): void {
    const [oldest] = this.#held
    if (this.#timer || !oldest) return
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        this.#wake()
      },
      Math.max(1, oldest.startedAt + sliceMs - now),
    )
    this.#timer.unref()
  }
}

/** What one scheduler has used, and may use, of the processors. Only `CpuShares` changes it. */
export class CpuShare {
  readonly user: CpuUser
  /** Milliseconds that were charged for dispatches that are done. Those that run may compute less than they take. */
  chargedMs = 0
  runningCount = 0
  /** The sum of the times at which the dispatches that run began. */
  sumOfStarts = 0
  readonly #shares: CpuShares

  constructor(user: CpuUser, shares: CpuShares) {
    this.user = user
    this.#shares = shares
  }

  /** Milliseconds of its dispatches, those that still run included. */
  usedMs(now: number): number {
    return this.chargedMs + this.runningCount * now - this.sumOfStarts
  }

  /** A request came that a caller waits for. */
  called(): void {
    this.#shares.called()
  }

  /** Whether any of the schedulers had a caller within the last second. */
  get hasCallers(): boolean {
    return this.#shares.hasCallers
  }

  /** Asks for a processor; undefined: `onGranted` says when to ask again. */
  begin(): CpuSlice | undefined {
    return this.#shares.begin(this)
  }

  /** Its scheduler has stopped; called once, after the last `begin`. */
  leave(): void {
    this.#shares.leave(this)
  }
}

/** The processor that one dispatch holds. */
export class CpuSlice {
  readonly share: CpuShare
  readonly startedAt: number
  readonly isOfJob: boolean
  /** Whether other schedulers have a share too, so that it matters what the dispatch computes. */
  readonly isContested: boolean
  readonly #shares: CpuShares

  constructor(of: Pick<CpuSlice, 'share' | 'startedAt' | 'isOfJob' | 'isContested'>, shares: CpuShares) {
    this.share = of.share
    this.startedAt = of.startedAt
    this.isOfJob = of.isOfJob
    this.isContested = of.isContested
    this.#shares = shares
  }

  /**
   * The dispatch is done.
   *
   * @param computedMs  what its worker computed meanwhile; undefined: not known, so that all of the time counts
   * @param hasMore  whether the scheduler has more to dispatch
   */
  end(computedMs: number | undefined, hasMore: boolean): void {
    this.#shares.end(this, computedMs, hasMore)
  }
}
