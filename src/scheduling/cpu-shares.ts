/**
 * What a scheduler has used of the processors, in milliseconds of dispatches, those under way included. It counts from where
 * the others are: what a scheduler did not use while it had no work, it gets back to a small part only.
 */
export class RunAccount {
  #settledMs = 0
  #runningCount = 0
  #sumOfStarts = 0

  /** @param now  milliseconds, of any clock that goes on evenly */
  usedMs(now: number): number {
    return this.#settledMs + this.#runningCount * now - this.#sumOfStarts
  }

  /** Work has come: the scheduler takes its place beside the others, which stand at `leastMs` or more. */
  catchUp(leastMs: number, now: number): void {
    this.#settledMs += Math.max(0, leastMs - this.usedMs(now))
  }

  /** What it was charged with. Those under way may compute less than they take. */
  get settledMs(): number {
    return this.#settledMs
  }

  began(startedAt: number): void {
    this.#runningCount++
    this.#sumOfStarts += startedAt
  }

  /** @param ms  what it is charged with */
  ended(startedAt: number, ms: number): void {
    this.#runningCount--
    this.#sumOfStarts = this.#runningCount === 0 ? 0 : this.#sumOfStarts - startedAt
    this.#settledMs += ms
  }
}

/** A scheduler, as it meets the others. */
export interface Contender {
  /** Callers wait for what it would hand over now, not only a batch job. */
  isUrgent(): boolean
  /** It is its turn, if it begins at once. */
  onTurn(): void
}

/** Milliseconds after which a dispatch no longer keeps others from beginning theirs. */
const turnMs = 10
/** What a scheduler that had no work for a while may use before others have their turn, in milliseconds. */
const longestCreditMs = 200

/**
 * Shares the processors between schedulers. At most `count` dispatches begin side by side; where more schedulers have work, the one
 * that has used the least measured time lately goes next (start-time fair queueing: Goyal, Vin and Cheng, 1996), and what
 * callers wait for goes before all batch jobs.
 *
 * A dispatch cannot be interrupted, and its thread may be waiting for a file or another service, may be stuck, or may be
 * about to take seconds. So it holds its permit for one turn only: then another scheduler may begin beside it, and the operating
 * system shares the processors between them. The time goes on to be charged, so that a scheduler of long dispatches comes after
 * those of short ones, which then get at least their part. Requests of batch jobs keep no callers waiting at all.
 */
export class RunPermits {
  readonly #count: number
  readonly #now: () => number
  /** Those that hold a permit, oldest first. */
  readonly #held = new Set<RunPermit>()
  #heldByJobs = 0
  readonly #waiting = new Set<RunShare>()
  /** Whose turn it is. */
  #chosen: RunShare | undefined
  /** Where the scheduler stood that began last. */
  #virtualMs = 0
  #timer: NodeJS.Timeout | undefined
  #shareCount = 0

  /**
   * @param count  processors, or more where scripts wait for other things than processors
   * @param now  milliseconds, of any clock that goes on evenly
   */
  constructor(count: number, now: () => number) {
    this.#count = count
    this.#now = now
  }

  join(contender: Contender): RunShare {
    this.#shareCount++
    return new RunShare(contender, this)
  }

  /** Several schedulers share them: what each computes counts. */
  get isShared(): boolean {
    return this.#shareCount > 1
  }

  /** For `RunShare`. */
  begin(share: RunShare): RunPermit | undefined {
    const now = this.#now()
    const isUrgent = share.contender.isUrgent()
    const isChosen = this.#chosen === share
    this.#chosen = undefined
    if (!isChosen && !this.#waiting.has(share)) share.account.catchUp(this.#virtualMs - longestCreditMs, now)
    if ((this.#waiting.size > 0 && !isChosen) || !this.#isFree(isUrgent)) {
      this.#waiting.add(share)
      this.#endTurns(now)
      if (this.#next(now) !== share || !this.#isFree(isUrgent)) {
        this.#watchTurns(now)
        return undefined
      }
      this.#waiting.delete(share)
    }
    this.#virtualMs = Math.max(this.#virtualMs, share.account.settledMs)
    const permit = new RunPermit(share, now, !isUrgent, this)
    this.#held.add(permit)
    if (permit.isOfJob) this.#heldByJobs++
    share.account.began(now)
    return permit
  }

  /** For `RunPermit`. */
  end(permit: RunPermit, computedMs: number | undefined, hasMore: boolean): void {
    const tookMs = this.#now() - permit.startedAt
    permit.share.account.ended(permit.startedAt, Math.min(tookMs, computedMs ?? tookMs))
    this.#giveUp(permit)
    if (this.#waiting.size === 0) return
    if (hasMore) this.#waiting.add(permit.share)
    this.#wake()
  }

  #isFree(isUrgent: boolean): boolean {
    return this.#held.size - (isUrgent ? this.#heldByJobs : 0) < this.#count
  }

  #giveUp(permit: RunPermit): void {
    if (this.#held.delete(permit) && permit.isOfJob) this.#heldByJobs--
  }

  /** Those whose turn is over keep nobody waiting any more. */
  #endTurns(now: number): void {
    for (const permit of this.#held) {
      if (now - permit.startedAt < turnMs) return
      this.#giveUp(permit)
    }
  }

  /** Gives what is free to those who wait. */
  #wake(): void {
    const now = this.#now()
    this.#endTurns(now)
    for (let next = this.#next(now); next; next = this.#next(now)) {
      if (!this.#isFree(next.contender.isUrgent())) return this.#watchTurns(now)
      this.#waiting.delete(next)
      this.#chosen = next
      next.contender.onTurn() // it asks again, if it still has something to run, and a thread for it
      this.#chosen = undefined
    }
  }

  /** What callers wait for first, then what has used least. */
  #next(now: number): RunShare | undefined {
    let best: RunShare | undefined
    let bestIsUrgent = false
    for (const share of this.#waiting) {
      const isUrgent = share.contender.isUrgent()
      const isBetter =
        isUrgent === bestIsUrgent && best ? share.account.usedMs(now) < best.account.usedMs(now) : isUrgent || !best
      if (!isBetter) continue
      best = share
      bestIsUrgent = isUrgent
    }
    return best
  }

  /** Somebody waits: looks again when the turn of the oldest is over. */
  #watchTurns(now: number): void {
    const [oldest] = this.#held
    if (this.#timer || !oldest) return
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        this.#wake()
      },
      Math.max(1, oldest.startedAt + turnMs - now),
    )
    this.#timer.unref()
  }
}

/** A scheduler's part in the permits. */
export class RunShare {
  readonly account = new RunAccount()
  readonly contender: Contender
  readonly #permits: RunPermits

  constructor(contender: Contender, permits: RunPermits) {
    this.contender = contender
    this.#permits = permits
  }

  /** Whether others have one too. */
  get isContested(): boolean {
    return this.#permits.isShared
  }

  /** Asks for a permit; undefined: `onTurn` will tell when it is time to ask again. */
  begin(): RunPermit | undefined {
    return this.#permits.begin(this)
  }
}

/** One dispatch's leave to run. */
export class RunPermit {
  readonly share: RunShare
  readonly startedAt: number
  readonly isOfJob: boolean
  readonly #permits: RunPermits

  constructor(share: RunShare, startedAt: number, isOfJob: boolean, permits: RunPermits) {
    this.share = share
    this.startedAt = startedAt
    this.isOfJob = isOfJob
    this.#permits = permits
  }

  /**
   * @param computedMs  what its thread computed meanwhile, where that is known: it may have waited for something
   * @param hasMore  its scheduler wants the next turn
   */
  end(computedMs: number | undefined, hasMore: boolean): void {
    this.#permits.end(this, computedMs, hasMore)
  }
}
