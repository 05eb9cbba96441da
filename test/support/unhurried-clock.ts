import { afterEach, beforeEach, vi } from 'vitest'

/**
 * For the tests of a file: time that goes on only while their process does, five milliseconds a turn. What waits for the processor
 * meanwhile reaches no time limit.
 */
export function useUnhurriedClock(): void {
  beforeEach(() => {
    vi.useFakeTimers({
      shouldAdvanceTime: true,
      advanceTimeDelta: 5,
      toFake: ['Date', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'],
    })
  })
  afterEach(() => {
    vi.useRealTimers()
  })
}

/** By that clock, which `node:timers/promises` does not know. */
export const delay = (ms: number): Promise<void> => new Promise(done => setTimeout(done, ms))
