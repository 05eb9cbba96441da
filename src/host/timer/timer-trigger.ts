import { StartupError } from '../../errors.ts'
import { resolveSettings } from '../binding-expression.ts'
import type { Clock } from '../clock.ts'
import type { FunctionRunner } from '../function-runner.ts'
import type { HostTimes } from '../host-times.ts'
import type { HostBlobs } from '../storage/host-blobs.ts'
import { findStorageConnection } from '../storage/storage-connection.ts'
import type { Trigger } from '../trigger-list.ts'
import { decodeStatus, encodeStatus, type ScheduleMonitor } from './schedule-status.ts'
import { Singleton } from './singleton.ts'
import { TimerListener } from './timer-listener.ts'
import { isMinuteOrMore, parseSchedule, type TimerSchedule } from './timer-schedule.ts'

/** A timer trigger with its schedule. */
export interface TimerTrigger {
  readonly trigger: Trigger
  readonly schedule: TimerSchedule
  readonly runOnStartup: boolean
  readonly useMonitor: boolean
  readonly connectionString: string
}

/**
 * @returns the reason when the host has no storage, which keeps two hosts from firing both
 * @throws StartupError when the binding is wrong
 */
export function planTimerTrigger(
  trigger: Trigger,
  environment: NodeJS.ProcessEnv,
  now: Date,
): TimerTrigger | { whyNot: string } {
  const { name } = trigger.fn
  const { schedule: text, runOnStartup, useMonitor } = trigger.binding
  if (typeof text !== 'string') throw new StartupError(`function "${name}": schedule must be a string`)
  const schedule = parseSchedule(resolveSettings(text, `schedule of function "${name}"`, environment), name, now)
  const connection = findStorageConnection(undefined, environment)
  if ('whyNot' in connection) return connection
  return {
    trigger,
    schedule,
    runOnStartup: runOnStartup === true,
    useMonitor: useMonitor !== false && isMinuteOrMore(schedule, now),
    ...connection,
  }
}

export interface TimerSurroundings {
  readonly blobs: HostBlobs
  /** Hosts with the same one take turns. */
  readonly hostId: string
  readonly times: HostTimes
  readonly clock: Clock
  readonly warn: (text: string) => void
}

/** Fires in one of all hosts; places of lock and memory as in the real host. */
export function listenToTimer(plan: TimerTrigger, runner: FunctionRunner, around: TimerSurroundings): Singleton {
  const { blobs, hostId, times, clock } = around
  const { name } = plan.trigger.fn
  const warn = (text: string) => around.warn(`Timer '${name}': ${text}`)
  const memory = `timers/${hostId}/Host.Functions.${name}/status`
  const monitor: ScheduleMonitor = {
    read: async () => decodeStatus(await blobs.readJson(memory)),
    write: status => blobs.writeJson(memory, encodeStatus(status)),
  }
  const work = new TimerListener({
    schedule: plan.schedule,
    runOnStartup: plan.runOnStartup,
    monitor: plan.useMonitor ? monitor : undefined,
    clock,
    run: (reason, input) => runner.run({ reason, input }),
    warn,
  })
  const lease = () => blobs.lease(`locks/${hostId}/Host.Functions.${name}.Listener`, Math.round(times.leaseMs / 1000))
  return new Singleton({ lease, leaseMs: times.leaseMs, pollMs: times.leasePollMs, clock, work, warn })
}
