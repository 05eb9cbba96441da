import type { Clock } from '../clock.ts'
import { dateTimeOffset } from '../date-time-offset.ts'
import { type ScheduleMonitor, type ScheduleStatus, statusAtStart, timerInput } from './schedule-status.ts'
import type { TimerSchedule } from './timer-schedule.ts'

export interface TimerListenerOptions {
  readonly schedule: TimerSchedule
  readonly runOnStartup: boolean
  /** undefined: nothing is remembered, and nothing is made up for. */
  readonly monitor: ScheduleMonitor | undefined
  readonly clock: Clock
  /** Never throws. */
  readonly run: (reason: string, timer: object) => Promise<unknown>
  readonly warn: (text: string) => void
}

/** So often it is looked whether somebody set the clock. */
const longestWaitMs = 60_000

/** Fires at the moments of a schedule, one run after the other. (sdk-extensions TimerListener) */
export class TimerListener {
  readonly #options: TimerListenerOptions
  #cancel: () => void = () => {}
  #isStopped = true
  #run: Promise<void> = Promise.resolve()

  constructor(options: TimerListenerOptions) {
    this.#options = options
  }

  /** @throws StorageFault when what is remembered cannot be read */
  async start(): Promise<void> {
    const { schedule, monitor, runOnStartup } = this.#options
    this.#isStopped = false
    const remembered = await monitor?.read()
    const { status, isPastDue } = statusAtStart(remembered, schedule, this.#now())
    if (status !== remembered) await monitor?.write(status)
    if (this.#isStopped) return
    if (isPastDue || runOnStartup) this.#fire(status, isPastDue)
    else this.#wait(status)
  }

  /** Fires no more, and waits for a run that has begun. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancel()
    await this.#run
  }

  #wait(status: ScheduleStatus): void {
    if (this.#isStopped) return
    const leftMs = status.next.getTime() - this.#options.clock.wallMs()
    this.#cancel = this.#options.clock.after(Math.min(Math.max(0, leftMs), longestWaitMs), () => {
      if (this.#now() < status.next) this.#wait(status)
      else this.#fire(status, false)
    })
  }

  #fire(status: ScheduleStatus, isPastDue: boolean): void {
    this.#run = this.#runOnce(status, isPastDue)
  }

  async #runOnce(status: ScheduleStatus, isPastDue: boolean): Promise<void> {
    const { schedule, monitor, run, warn } = this.#options
    const firedAt = this.#now()
    await run(`Timer fired at ${dateTimeOffset(firedAt)}`, timerInput(schedule, monitor && status, isPastDue))
    const after: ScheduleStatus = { last: firedAt, next: schedule.next(firedAt), lastUpdated: firedAt }
    try {
      await monitor?.write(after)
    } catch (error) {
      warn(`when the timer fired cannot be noted: ${(error as Error).message}`)
    }
    this.#wait(after)
  }

  #now(): Date {
    return new Date(this.#options.clock.wallMs())
  }
}
