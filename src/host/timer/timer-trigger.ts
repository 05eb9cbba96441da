import { StartupError } from '../../errors.ts'
import { resolveSettings } from '../app/binding-expression.ts'
import type { FunctionRunner } from '../app/function-runner.ts'
import type { Trigger } from '../app/triggers.ts'
import type { Clock } from '../clock.ts'
import { TimerListener } from './timer-listener.ts'
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
  if (typeof text !== 'string') throw new StartupError(`function "${name}": schedule must be a string`)
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
