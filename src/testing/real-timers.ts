/**
 * Timers and a clock that the build puts in the place of the global ones in `scoring-functions/testing`: a test with fake timers
 * replaces the global ones, and a service whose time stands still would never answer.
 */
import { performance as realPerformance } from 'node:perf_hooks'

export { clearImmediate, clearInterval, clearTimeout, setImmediate, setInterval, setTimeout } from 'node:timers'

// Fake timers may replace the methods of the object too.
export const performance = { now: realPerformance.now.bind(realPerformance) }
