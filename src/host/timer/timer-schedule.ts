import { Cron } from 'croner'
import { StartupError } from '../../errors.ts'
import { parseTimeSpan } from '../dotnet-time.ts'

export interface TimerSchedule {
  /** @returns the first time of the schedule after `moment` */
  next(moment: Date): Date
  /** Whether the schedule follows local time, and so daylight saving. */
  readonly adjustForDST: boolean
}

const names = (
  'January February March April May June July August September October November December ' +
  'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'
).split(' ')

/**
 * Reads the schedule of a timer trigger: an NCRONTAB expression `{second} {minute} {hour} {day} {month} {day of week}` (with
 * five fields: without seconds), or an interval `hh:mm:ss`. Times are those of the process's time zone, as in the real host.
 *
 * NCRONTAB has neither `?`, `L`, `W`, `#` nor a seventh day of the week, accepts whole and shortened names (`Janu`), and
 * requires *both* day of month and day of week to match, where Unix cron requires one.
 *
 * @throws StartupError for anything else, and for a schedule without a next time
 */
export function parseSchedule(text: string, functionName: string, now: Date): TimerSchedule {
  const schedule = parseInterval(text) ?? parseCron(text)
  if (schedule && hasNext(schedule, now)) return schedule
  const rule = schedule
    ? 'which never comes'
    : 'and must be an NCRONTAB expression, e.g. "0 */5 * * * *", or a time "hh:mm:ss"'
  throw new StartupError(`function "${functionName}": schedule is "${text}", ${rule}`)
}

function parseInterval(text: string): TimerSchedule | undefined {
  const ms = parseTimeSpan(text.trim())
  if (ms === undefined || ms === 0) return undefined
  return { adjustForDST: false, next: moment => new Date(moment.getTime() + ms) }
}

function parseCron(text: string): TimerSchedule | undefined {
  const fields = text.trim().split(/\s+/)
  if (fields.length !== 5 && fields.length !== 6) return undefined
  if (!fields.every(field => /^[\dA-Za-z*,/-]+$/.test(field)) || /[7-9]/.test(daysOfWeek(fields))) return undefined
  let hasUnknownName = false
  const pattern = fields.join(' ').replace(/[A-Za-z]+/g, word => {
    const name = names.find(each => word.length >= 3 && each.toLowerCase().startsWith(word.toLowerCase()))
    hasUnknownName ||= name === undefined
    return name?.slice(0, 3) ?? word
  })
  if (hasUnknownName) return undefined
  try {
    const cron = new Cron(pattern, { mode: '5-or-6-parts', paused: true, domAndDow: true, sloppyRanges: true })
    return { adjustForDST: true, next: moment => cron.nextRun(moment) ?? new Date(Number.NaN) }
  } catch {
    return undefined
  }
}

/** The last field without its steps (`/2`), which are no days. */
function daysOfWeek(fields: readonly string[]): string {
  return (fields.at(-1) ?? '').replace(/\/\d+/g, '')
}

function hasNext(schedule: TimerSchedule, now: Date): boolean {
  return !Number.isNaN(schedule.next(now).getTime())
}
