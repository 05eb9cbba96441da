import { StartupError } from '../../errors.ts'
import { resolveSettings } from '../app/binding-settings.ts'
import type { FunctionRunner } from '../app/function-runner.ts'
import type { Trigger } from '../app/triggers.ts'
import type { Clock } from '../clock.ts'
import { formatDateTimeOffset } from '../dotnet-time.ts'
import { parseSchedule, type TimerSchedule } from './timer-schedule.ts'

/** A timer trigger with its schedule. */
export interface TimerTrigger {
  readonly trigger: Trigger
  readonly schedule: TimerSchedule
  readonly runOnStartup: boolean
}

/** @throws StartupError when the binding is wrong */
export function planTimerTrigger(trigger: Trigger, environment: NodeJS.ProcessEnv, now: Date): TimerTrigger {
  const { name } = trigger.fn
  const { schedule: text, runOnStartup } = trigger.binding
  if (typeof text !== 'string')
    throw new StartupError(`function "${name}": schedule is ${JSON.stringify(text)}, and must be a string`)
  const schedule = parseSchedule(resolveSettings(text, `schedule of function "${name}"`, environment), name, now)
  return { trigger, schedule, runOnStartup: runOnStartup === true }
}

export function listenToTimer(
  { schedule, runOnStartup }: TimerTrigger,
  runner: FunctionRunner,
  clock: Clock,
): TimerListener {
  return new TimerListener({ schedule, runOnStartup, clock, run: (reason, input) => runner.run({ reason, input }) })
}

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
    const { schedule, runOnStartup } = this.#options
    if (runOnStartup) this.#fire()
    else this.#wait(schedule.next(this.#now()))
  }

  /** Fires no more, and waits for a run that has begun. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancel()
    await this.#run
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
    this.#run = run(`Timer fired at ${formatDateTimeOffset(firedAt)}`, timer).then(() =>
      this.#wait(schedule.next(firedAt)),
    )
  }

  #now(): Date {
    return new Date(this.#options.clock.wallMs())
  }
}
