import { dateTimeOffset } from '../date-time-offset.ts'
import type { TimerSchedule } from './timer-schedule.ts'

/** What is remembered of a timer from one start of the host to the next. */
export interface ScheduleStatus {
  /** When it fired last; undefined: never. */
  readonly last: Date | undefined
  readonly next: Date
  /** From when `next` was counted. */
  readonly lastUpdated: Date | undefined
}

/** Remembers one timer. Port: a blob of the host, or nothing (`useMonitor: false`). */
export interface ScheduleMonitor {
  /** @returns undefined when nothing is remembered */
  read(): Promise<ScheduleStatus | undefined>
  write(status: ScheduleStatus): Promise<void>
}

/**
 * What to go by after a start, and whether a moment was missed meanwhile. A schedule that was changed since counts anew:
 * what it would have missed is not made up for. (sdk-extensions ScheduleMonitor.CheckPastDueAsync)
 */
export function statusAtStart(
  remembered: ScheduleStatus | undefined,
  schedule: TimerSchedule,
  now: Date,
): { status: ScheduleStatus; isPastDue: boolean } {
  const fresh = { last: undefined, next: schedule.next(now), lastUpdated: now }
  if (!remembered) return { status: fresh, isPastDue: false }
  const countedFrom = remembered.last ?? remembered.lastUpdated
  const expected = countedFrom ? schedule.next(countedFrom) : fresh.next
  if (remembered.next.getTime() === expected.getTime()) return { status: remembered, isPastDue: now > remembered.next }
  if (!countedFrom || now > expected) return { status: fresh, isPastDue: false }
  return { status: { last: undefined, next: expected, lastUpdated: countedFrom }, isPastDue: false }
}

/** How .NET writes a moment that never was. */
const never = '0001-01-01T00:00:00+00:00'

/** The file of the real host. */
export function encodeStatus({ last, next, lastUpdated }: ScheduleStatus): object {
  return { Last: text(last), Next: text(next), LastUpdated: text(lastUpdated) }
}

/** @returns undefined for what is no such file */
export function decodeStatus(file: unknown): ScheduleStatus | undefined {
  if (typeof file !== 'object' || file === null) return undefined
  const { Last, Next, LastUpdated } = file as Record<string, unknown>
  const next = moment(Next)
  return next && { last: moment(Last), next, lastUpdated: moment(LastUpdated) }
}

/** What a handler gets. */
export function timerInput(schedule: TimerSchedule, status: ScheduleStatus | undefined, isPastDue: boolean): object {
  const { adjustForDST } = schedule
  const scheduleStatus = status
    ? { last: text(status.last), next: text(status.next), lastUpdated: text(status.lastUpdated) }
    : null
  return { schedule: { adjustForDST }, scheduleStatus, isPastDue }
}

function text(value: Date | undefined): string {
  return value ? dateTimeOffset(value) : never
}

function moment(value: unknown): Date | undefined {
  const date = new Date(typeof value === 'string' ? value : Number.NaN)
  return date.getUTCFullYear() > 1 ? date : undefined
}
