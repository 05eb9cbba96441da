import { Cron } from 'croner'
import { StartupError } from '../../errors.ts'
import { parseTimeSpan } from '../dotnet-time.ts'

export interface TimerSchedule {
  /** @returns the first moment after `moment` */
  next(moment: Date): Date
  /** Whether it goes by the clock on the wall. */
  readonly adjustForDST: boolean
}

const months = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October']
const names = [
  ...months,
  'November',
  'December',
  'Sunday',
  'Monday',
  'Tuesday',
  'Wednesday',
  'Thursday',
  'Friday',
  'Saturday',
]

/**
 * Reads the schedule of a timer trigger: an NCRONTAB expression `{second} {minute} {hour} {day} {month} {day of week}` (with
 * five fields: without seconds), or an interval `hh:mm:ss`. Times are those of the process's time zone, as in the real host.
 *
 * NCRONTAB has neither `?`, `L`, `W`, `#` nor a seventh day of the week, takes whole and cut names (`Janu`), and wants
 * *both* day of month and day of week to match, where cron of Unix is content with one.
 *
 * @throws StartupError for anything else, and for a schedule that never comes
 */
export function parseSchedule(text: string, functionName: string, now: Date): TimerSchedule {
  const schedule = parseInterval(text) ?? parseCron(text)
  if (schedule && isNear(schedule, now)) return schedule
  const rule = schedule
    ? 'it never comes'
    : 'that is neither an NCRONTAB expression, e.g. "0 */5 * * * *", nor a time "hh:mm:ss"'
  throw new StartupError(`function "${functionName}": the schedule is "${text}": ${rule}`)
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
  let hasForeignName = false
  const pattern = fields.join(' ').replace(/[A-Za-z]+/g, word => {
    const name = names.find(each => word.length >= 3 && each.toLowerCase().startsWith(word.toLowerCase()))
    hasForeignName ||= name === undefined
    return name?.slice(0, 3) ?? word
  })
  if (hasForeignName) return undefined
  try {
    const cron = new Cron(pattern, { mode: '5-or-6-parts', paused: true, domAndDow: true, sloppyRanges: true })
    return { adjustForDST: true, next: moment => cron.nextRun(moment) ?? new Date(Number.NaN) }
  } catch {
    return undefined
  }
}

/** Days of the week that the expression names; the number after a slash is a step. */
function daysOfWeek(fields: readonly string[]): string {
  return (fields.at(-1) ?? '').replace(/\/\d+/g, '')
}

function isNear(schedule: TimerSchedule, now: Date): boolean {
  return !Number.isNaN(schedule.next(now).getTime())
}
