import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type LifeEvent, next, type WorkerAction, type WorkerState } from '../../../src/workers/pool/worker-state.ts'
import { report } from './fake-worker.ts'

const results = { kind: 'results', indexes: [], results: [], runs: [], bisected: 0 } as const

const states = {
  loading: { kind: 'loading', since: 1 },
  failed: { kind: 'failed' },
  idle: { kind: 'idle' },
  busy: { kind: 'busy', since: 2, isResumed: false },
  'busy again': { kind: 'busy', since: 2, isResumed: true },
  paused: { kind: 'paused', since: 2 },
  'ending for time': { kind: 'ending', reason: 'timeout', since: 3 },
  'ending for memory': { kind: 'ending', reason: 'memory', since: 3 },
  'ending as surplus': { kind: 'ending', reason: 'surplus', since: 3 },
  'ending to stop': { kind: 'ending', reason: 'stop', since: 3 },
  ended: { kind: 'ended' },
} as const satisfies Record<string, WorkerState>
type StateName = keyof typeof states

const events = {
  loaded: { kind: 'loaded', report },
  'load-failed': { kind: 'load-failed', reason: 'no file' },
  dispatched: { kind: 'dispatched', at: 9 },
  results: { ...results, isLast: false, yielded: [] },
  'last results': { ...results, isLast: true, yielded: [] },
  yielded: { ...results, isLast: true, yielded: [0] },
  'out of time': { kind: 'limit-exceeded', limit: 'timeout', at: 3 },
  'out of memory': { kind: 'limit-exceeded', limit: 'memory', at: 3 },
  surplus: { kind: 'surplus', at: 3 },
  stopped: { kind: 'stopped', at: 3 },
  exited: { kind: 'exited', isOutOfMemory: false, detail: 'exit code 7' },
  'heap exhausted': { kind: 'exited', isOutOfMemory: true, detail: 'heap' },
} as const satisfies Record<string, LifeEvent>
type EventName = keyof typeof events

/** The state that an event leads to, and the actions. An event that is not here changes nothing. */
type Row = Partial<Record<EventName, readonly [StateName, ...string[]]>>

const crashed = ['ended', 'recover crash', 'replace', 'release'] as const
const exhausted = ['ended', 'recover memory', 'replace', 'release'] as const
const stopped = ['ending to stop', 'terminate'] as const
const overrun = {
  'out of time': ['ending for time', 'take-back', 'terminate', 'warn timeout'],
  'out of memory': ['ending for memory', 'take-back', 'terminate', 'warn memory'],
} as const
const running: Row = {
  'last results': ['idle', 'measure 2', 'trim', 'release'],
  yielded: ['paused', 'release'],
  ...overrun,
  stopped,
  exited: crashed,
  'heap exhausted': exhausted,
}
const whenLoading = ['replace after loading', 'release'] as const
const ending = (...actions: readonly string[]): Row => ({
  stopped,
  exited: ['ended', ...actions],
  'heap exhausted': ['ended', ...actions],
})

const table: Record<StateName, Row> = {
  loading: {
    loaded: ['idle', 'announce', 'release'],
    'load-failed': ['failed', 'fail-load no file', 'terminate'],
    stopped,
    exited: ['ended', 'retry-load exit code 7', ...whenLoading],
    'heap exhausted': ['ended', 'retry-load heap', ...whenLoading],
  },
  failed: ending(...whenLoading),
  idle: {
    dispatched: ['busy'],
    surplus: ['ending as surplus', 'terminate'],
    stopped,
    exited: crashed,
    'heap exhausted': exhausted,
  },
  busy: running,
  'busy again': { ...running, 'last results': ['idle', 'trim', 'release'] },
  paused: { dispatched: ['busy again'], ...overrun, stopped, exited: crashed, 'heap exhausted': exhausted },
  'ending for time': ending('recover timeout after 3', 'replace', 'release'),
  'ending for memory': ending('recover memory after 3', 'replace', 'release'),
  'ending as surplus': ending('release'),
  'ending to stop': ending('abort', 'release'),
  ended: {},
}

function describeAction(action: WorkerAction): string {
  switch (action.kind) {
    case 'fail-load':
      return `fail-load ${action.reason}`
    case 'retry-load':
      return `retry-load ${action.detail}`
    case 'measure':
      return `measure ${action.since}`
    case 'warn':
      return `warn ${action.limit}`
    case 'replace':
      return action.wasLoading ? 'replace after loading' : 'replace'
    case 'recover': {
      const { cause, endedAt } = action.crash
      return `recover ${cause}${endedAt === undefined ? '' : ` after ${endedAt}`}`
    }
    default:
      return action.kind
  }
}

const pairs = Object.keys(states).flatMap(state => Object.keys(events).map(event => [state, event] as const))

describe('next', () => {
  it.each(pairs as [StateName, EventName][])('%s, when %s', (stateName, eventName) => {
    const [expectedName, ...actions] = table[stateName][eventName] ?? [stateName]
    const { state, actions: found } = next(states[stateName], events[eventName])
    // A dispatch to an idle worker begins at the time of the event.
    const expected =
      stateName === 'idle' && expectedName === 'busy' ? { ...states.busy, since: 9 } : states[expectedName]
    expect(state).toEqual(expected)
    expect(found.map(describeAction)).toEqual(actions)
  })

  it('settles each dispatch once, ends each worker once, and begins nothing on a worker that ends', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...Object.values(events)), { maxLength: 40 }), sequence => {
        let state: WorkerState = { kind: 'loading', since: 0 }
        let [open, exits, releases, ends] = [0, 0, 0, 0]
        let isTold = false
        for (const event of sequence) {
          const before: WorkerState = state
          const { state: after, actions } = next(state, event)
          state = after
          const kinds = actions.map(({ kind }) => kind)
          const isDispatched = event.kind === 'dispatched' && after !== before
          if (isDispatched) assert.ok(!isTold && exits === 0, 'a worker that ends got a dispatch')
          if (isDispatched && before.kind === 'idle') open++
          // A worker that runs something, or holds it, has exactly one dispatch that is not settled.
          const isDone = before.kind === 'busy' && after.kind === 'idle' // not always measured: not if it was resumed
          assert.ok(isDone || !kinds.includes('measure'), 'what is not done is measured')
          if (isDone || kinds.includes('recover') || kinds.includes('abort')) {
            if (open > 0) open--
            else assert.ok(!isDone, 'nothing was dispatched')
          }
          if (after.kind === 'busy' || after.kind === 'paused') assert.equal(open, 1)
          if (after.kind === 'idle') assert.equal(open, 0)
          if (kinds.includes('terminate')) isTold = true
          if (event.kind === 'exited' && before.kind !== 'ended') {
            exits++
            ends += kinds.filter(kind => kind === 'replace' || kind === 'abort').length
            assert.equal(kinds.at(-1), 'release', 'its CPU share is not given back')
            if (before.kind === 'ending' && before.reason === 'surplus') assert.deepEqual(kinds, ['release'])
            else assert.equal(ends, 1, 'it is neither replaced nor stopped')
          }
          if (before.kind === 'ended') assert.deepEqual([after, actions], [before, []])
          releases += kinds.filter(kind => kind === 'release').length
        }
        assert.ok(exits <= 1)
        assert.ok(releases <= sequence.length)
      }),
      { numRuns: 2000 },
    )
  })
})
