import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { parseSchedule } from '../../../src/host/timer/timer-schedule.ts'
import { TimerListener, type TimerListenerOptions } from '../../../src/host/timer/timer-trigger.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const minute = 60_000
/** In the time zone of this process, as schedules are. A Thursday. */
const now = new Date(2026, 0, 1, 10, 0, 30)
const parse = (text: string) => parseSchedule(text, 'f', now)

describe('parseSchedule', () => {
  it.each([
    ['0 */5 * * * *', [2026, 0, 1, 10, 5], [2026, 0, 1, 10, 10]],
    ['0 0 * * * *', [2026, 0, 1, 11], [2026, 0, 1, 12]],
    ['30 0 10 * * *', [2026, 0, 2, 10, 0, 30], [2026, 0, 3, 10, 0, 30]], // not now, but after it
    ['0 30 9 * * 1-5', [2026, 0, 2, 9, 30], [2026, 0, 5, 9, 30]],
    ['0 30 9 * Jan Mon', [2026, 0, 5, 9, 30], [2026, 0, 12, 9, 30]],
    ['0 30 9 * january MONDAY', [2026, 0, 5, 9, 30], [2026, 0, 12, 9, 30]],
    ['0 0 0 * * 0', [2026, 0, 4], [2026, 0, 11]],
    ['5,8,10 * * * * *', [2026, 0, 1, 10, 1, 5], [2026, 0, 1, 10, 1, 8]],
    ['0 5/15 * * * *', [2026, 0, 1, 10, 5], [2026, 0, 1, 10, 20]],
    ['0 12 * * *', [2026, 0, 1, 12], [2026, 0, 2, 12]], // five fields: no seconds
    ['0 0 0 1 * 1', [2026, 5, 1], [2027, 1, 1]], // a first that is a Monday: both have to match
    ['00:10:00', [2026, 0, 1, 10, 10, 30], [2026, 0, 1, 10, 20, 30]],
  ] as [string, ...number[][]][])('gives the next times of "%s" as NCRONTAB does', (text, ...next) => {
    const schedule = parse(text)
    let moment = now
    for (const [year, month, day, ...time] of next) {
      moment = schedule.next(moment)
      assert.equal(moment.toISOString(), new Date(year!, month!, day!, ...(time as [number])).toISOString())
    }
  })

  it.each([
    '',
    '* * * *',
    '0 0 0 * * 7',
    '0 0 0 ? * *',
    '0 0 0 L * *',
    '0 0 0 * * MON#1',
    '@daily',
    '60 * * * * *',
    '2030-01-01T00:00:00',
    '0 0 0 * Foo *',
    '00:00:00',
  ])('refuses "%s"', text => {
    assert.throws(() => parse(text), {
      name: 'StartupError',
      message: /^function "f": schedule is ".*", and must be an NCRONTAB/,
    })
  })

  it('refuses a day that never comes', () => {
    assert.throws(() => parse('0 0 0 31 2 *'), /schedule is "0 0 0 31 2 \*", which never comes/)
  })
})

function setUp(changes: Partial<TimerListenerOptions> = {}) {
  const clock = new VirtualClock()
  clock.wallOffset = now.getTime()
  const fired: number[] = []
  const run = async () => {
    fired.push(clock.monotonicMs())
  }
  const options = {
    schedule: parse('0 */5 * * * *'),
    runOnStartup: false,
    clock,
    run,
  }
  return { clock, fired, listener: new TimerListener({ ...options, ...changes }) }
}

describe('TimerListener', () => {
  it('fires at each time of the schedule, until it is stopped', async () => {
    const { clock, fired, listener } = setUp()
    listener.start()
    await clock.advance(15 * minute)
    assert.deepEqual(
      fired,
      [4.5, 9.5, 14.5].map(minutes => minutes * minute),
    )
    await listener.stop()
    await clock.advance(15 * minute)
    assert.equal(fired.length, 3)
  })

  it('fires at the start with runOnStartup, and then by the schedule', async () => {
    const { clock, fired, listener } = setUp({ runOnStartup: true })
    listener.start()
    await clock.advance(5 * minute)
    assert.deepEqual(fired, [0, 4.5 * minute])
  })

  it('lets a run end before the next, and skips the times between', async () => {
    const clock = new VirtualClock()
    clock.wallOffset = now.getTime()
    let count = 0
    const run = () => {
      count++
      return new Promise<void>(resolve => clock.after(12 * minute, resolve))
    }
    const { listener } = setUp({ clock, run })
    listener.start()
    await clock.advance(16 * minute) // 10:16:30; it ran from 10:05
    assert.equal(count, 1)
    await clock.advance(2 * minute)
    assert.equal(count, 2)
  })

  it('notices within a minute that the system clock was changed', async () => {
    const { clock, fired, listener } = setUp({ schedule: parse('0 0 12 * * *') })
    listener.start()
    clock.wallOffset += 2 * 3600 * 1000
    await clock.advance(minute)
    assert.equal(fired.length, 1)
  })
})
