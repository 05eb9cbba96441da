import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import type { BlobLease } from '../../src/host/storage/host-blobs.ts'
import { decodeStatus, encodeStatus, type ScheduleStatus, statusAtStart } from '../../src/host/timer/schedule-status.ts'
import { Singleton } from '../../src/host/timer/singleton.ts'
import { TimerListener, type TimerListenerOptions } from '../../src/host/timer/timer-listener.ts'
import { isMinuteOrMore, parseSchedule } from '../../src/host/timer/timer-schedule.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const minute = 60_000
/** In the time zone of this process, as schedules are. A Thursday. */
const now = new Date(2026, 0, 1, 10, 0, 30)
const parse = (text: string) => parseSchedule(text, 'f', now)

describe('parseSchedule', () => {
  for (const [text, ...next] of [
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
  ] as [string, ...number[][]][]) {
    it(`counts "${text}" as NCRONTAB does`, () => {
      const schedule = parse(text)
      let moment = now
      for (const [year, month, day, ...time] of next) {
        moment = schedule.next(moment)
        assert.equal(moment.toISOString(), new Date(year!, month!, day!, ...(time as [number])).toISOString())
      }
    })
  }

  for (const text of [
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
  ]) {
    it(`refuses "${text}"`, () => {
      assert.throws(() => parse(text), {
        name: 'StartupError',
        message: /^function "f": the schedule is ".*": that is neither/,
      })
    })
  }

  it('refuses a day that never comes', () => {
    assert.throws(() => parse('0 0 0 31 2 *'), /it never comes/)
  })

  it('tells which schedules are worth to be remembered', () => {
    assert.deepEqual(
      ['*/30 * * * * *', '0,59 * * * * *', '0 * * * * *', '00:00:59', '00:01:00'].map(text =>
        isMinuteOrMore(parse(text), now),
      ),
      [false, false, true, false, true],
    )
  })
})

describe('statusAtStart', () => {
  const schedule = parse('0 0 * * * *') // every hour
  const at = (hour: number, minutes = 0) => new Date(2026, 0, 1, hour, minutes)
  const remembered: ScheduleStatus = { last: at(9), next: at(10), lastUpdated: at(9) }

  it('counts from now when nothing is remembered', () => {
    const fresh = { last: undefined, next: at(11), lastUpdated: now }
    assert.deepEqual(statusAtStart(undefined, schedule, now), { status: fresh, isPastDue: false })
  })

  it('is past due when a moment was missed', () => {
    assert.deepEqual(statusAtStart(remembered, schedule, at(9, 59)), { status: remembered, isPastDue: false })
    assert.deepEqual(statusAtStart(remembered, schedule, at(10, 1)), { status: remembered, isPastDue: true })
  })

  it('does not make up for moments of a schedule that was changed', () => {
    const daily = parse('0 0 12 * * *')
    assert.deepEqual(statusAtStart(remembered, daily, at(11)).status.next, at(12))
    assert.deepEqual(statusAtStart(remembered, daily, at(13)), {
      status: { last: undefined, next: new Date(2026, 0, 2, 12), lastUpdated: at(13) },
      isPastDue: false,
    })
  })

  it('is kept in the file of the real host', () => {
    const status = {
      last: undefined,
      next: new Date('2026-01-01T10:00:00Z'),
      lastUpdated: new Date('2026-01-01T09:00:00.5Z'),
    }
    const file = {
      Last: '0001-01-01T00:00:00+00:00',
      Next: '2026-01-01T10:00:00+00:00',
      LastUpdated: '2026-01-01T09:00:00.500+00:00',
    }
    assert.deepEqual(encodeStatus(status), file)
    assert.deepEqual(decodeStatus(file), status)
    const net = {
      Last: '0001-01-01T00:00:00',
      Next: '2026-01-01T11:00:00+01:00',
      LastUpdated: '2026-01-01T09:00:00.5000000Z',
    }
    assert.deepEqual(decodeStatus(net), status)
    for (const other of [undefined, 'text', {}, { Next: 'soon' }]) assert.equal(decodeStatus(other), undefined)
  })
})

function setUp(changes: Partial<TimerListenerOptions> = {}) {
  const clock = new VirtualClock()
  clock.wallOffset = now.getTime()
  const fired: { afterMs: number; isPastDue: boolean }[] = []
  const run = async (_: string, timer: object) => {
    fired.push({ afterMs: clock.monotonicMs(), isPastDue: (timer as { isPastDue: boolean }).isPastDue })
  }
  const options = {
    schedule: parse('0 */5 * * * *'),
    runOnStartup: false,
    monitor: undefined,
    clock,
    run,
    warn: () => {},
  }
  return { clock, fired, listener: new TimerListener({ ...options, ...changes }) }
}

describe('TimerListener', () => {
  it('fires at each moment of the schedule, until it is stopped', async () => {
    const { clock, fired, listener } = setUp()
    await listener.start()
    await clock.advance(15 * minute)
    assert.deepEqual(
      fired.map(({ afterMs }) => afterMs),
      [4.5, 9.5, 14.5].map(minutes => minutes * minute),
    )
    await listener.stop()
    await clock.advance(15 * minute)
    assert.equal(fired.length, 3)
  })

  it('fires at the start where it is told to, and then as planned', async () => {
    const { clock, fired, listener } = setUp({ runOnStartup: true })
    await listener.start()
    await clock.advance(5 * minute)
    assert.deepEqual(
      fired.map(({ afterMs }) => afterMs),
      [0, 4.5 * minute],
    )
  })

  it('makes up once for what was missed while no host ran, and remembers what it did', async () => {
    let memory: ScheduleStatus | undefined = {
      last: new Date(2026, 0, 1, 9, 30),
      next: new Date(2026, 0, 1, 9, 35),
      lastUpdated: undefined,
    }
    const monitor = {
      read: async () => memory,
      write: async (status: ScheduleStatus) => {
        memory = status
      },
    }
    const { clock, fired, listener } = setUp({ monitor })
    await listener.start()
    await clock.advance(5 * minute)
    assert.deepEqual(fired, [
      { afterMs: 0, isPastDue: true },
      { afterMs: 4.5 * minute, isPastDue: false },
    ])
    assert.deepEqual(memory, {
      last: new Date(2026, 0, 1, 10, 5),
      next: new Date(2026, 0, 1, 10, 10),
      lastUpdated: new Date(2026, 0, 1, 10, 5),
    })
  })

  it('lets a run end before the next, and skips what it slept through', async () => {
    const clock = new VirtualClock()
    clock.wallOffset = now.getTime()
    let count = 0
    const run = () => {
      count++
      return new Promise<void>(resolve => clock.after(12 * minute, resolve))
    }
    const { listener } = setUp({ clock, run })
    await listener.start()
    await clock.advance(16 * minute) // 10:16:30; it ran from 10:05
    assert.equal(count, 1)
    await clock.advance(2 * minute)
    assert.equal(count, 2)
  })

  it('notices within a minute that the clock was set', async () => {
    const { clock, fired, listener } = setUp({ schedule: parse('0 0 12 * * *') })
    await listener.start()
    clock.wallOffset += 2 * 3600 * 1000
    await clock.advance(minute)
    assert.equal(fired.length, 1)
  })
})

describe('Singleton', () => {
  /** A lease that runs out. */
  function setUpHosts(count: number) {
    const clock = new VirtualClock()
    let holder: { until: number } | undefined
    const working = new Set<number>()
    let most = 0
    let isDown = false
    const lease = async (): Promise<BlobLease | undefined> => {
      if (holder && holder.until > clock.monotonicMs()) return undefined
      const mine = { until: clock.monotonicMs() + minute }
      holder = mine
      return {
        renew: async () => {
          if (isDown) throw new Error('storage failed with 503 ServerBusy')
          if (holder !== mine) return false
          mine.until = clock.monotonicMs() + minute
          return true
        },
        release: async () => {
          if (holder === mine) holder = undefined
        },
      }
    }
    const hosts = Array.from({ length: count }, (_, index) => {
      const work = {
        start: async () => {
          working.add(index)
          most = Math.max(most, working.size)
        },
        stop: async () => {
          working.delete(index)
        },
      }
      const host = new Singleton({ lease, leaseMs: minute, pollMs: minute, clock, work, warn: () => {} })
      host.start()
      return host
    })
    const loseLease = () => {
      holder = undefined
    }
    const setDown = (value: boolean) => {
      isDown = value
    }
    return { clock, hosts, working, loseLease, setDown, most: () => most }
  }

  it('works in one host, for as long as that one runs, and then in another one', async () => {
    const { clock, hosts, working, most } = setUpHosts(3)
    await clock.advance(60 * minute)
    assert.deepEqual([...working], [0])
    await hosts[0]!.stop()
    assert.equal(working.size, 0)
    await clock.advance(2 * minute)
    assert.equal(working.size, 1)
    await clock.advance(60 * minute)
    assert.equal(most(), 1)
  })

  it('stops working when the lease is lost', async () => {
    const { clock, working, loseLease } = setUpHosts(1)
    await clock.advance(minute)
    assert.equal(working.size, 1)
    loseLease()
    await clock.advance(31_000)
    assert.equal(working.size, 0)
    await clock.advance(2 * minute)
    assert.equal(working.size, 1)
  })

  it('survives a short outage of storage, and stops working before another host may begin', async () => {
    const { clock, working, setDown, most } = setUpHosts(2)
    await clock.advance(minute)
    for (const [outageMs, stillWorking] of [
      [40_000, 1],
      [61_000, 0],
    ] as const) {
      setDown(true)
      await clock.advance(outageMs)
      assert.equal(working.size, stillWorking)
      setDown(false)
      await clock.advance(3 * minute)
      assert.equal(working.size, 1)
    }
    assert.equal(most(), 1)
  })
})
