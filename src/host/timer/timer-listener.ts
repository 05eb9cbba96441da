import type { Clock } from '../clock.ts'
import { dateTimeOffset } from '../date-time-offset.ts'
import type { TimerSchedule } from './timer-schedule.ts'

export interface TimerListenerOptions {
  readonly schedule: TimerSchedule
  readonly runOnStartup: boolean
  readonly clock: Clock
  /** Runs the function; never throws. */
  readonly run: (reason: string, timer: object) => Promise<unknown>
}

/** How often to check for a change of the system clock. */
const maxWaitMs = 60_000

/**
 * Fires at the times of a schedule, one run after the other. Each process fires on its own, and remembers nothing from one
 * start to the next: Azure's host fires in one of all instances, and makes up for a time that it missed.
 */
export class TimerListener {
  readonly #options: TimerListenerOptions
  #cancel: () => void = () => {}
  #isStopped = false
  #run: Promise<void> = Promise.resolve()

  constructor(options: TimerListenerOptions) {
    this.#options = options
  }

  start(): void {
    if (this.#options.runOnStartup) this.#fire()
    else this.#waitForNext()
  }

  /** Fires no more, and waits for a run that has begun. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancel()
    await this.#run
  }

  #waitForNext(): void {
    this.#wait(this.#options.schedule.next(this.#now()))
  }

  #wait(next: Date): void {
    if (this.#isStopped) return
    const leftMs = Math.max(0, next.getTime() - this.#options.clock.wallMs())
    this.#cancel = this.#options.clock.after(Math.min(leftMs, maxWaitMs), () => {
      if (this.#now() < next) this.#wait(next)
      else this.#fire()
    })
  }

  #fire(): void {
    const { schedule, run } = this.#options
    const firedAt = this.#now()
    const timer = { schedule: { adjustForDST: schedule.adjustForDST }, scheduleStatus: null, isPastDue: false }
    this.#run = run(`Timer fired at ${dateTimeOffset(firedAt)}`, timer).then(() => this.#wait(schedule.next(firedAt)))
  }

  #now(): Date {
    return new Date(this.#options.clock.wallMs())
  }
}
