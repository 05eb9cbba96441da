/**
 * Preloaded into a server (`--import`): measures how long its event loop stood still. Answers the message `bench:gap`
 * with the longest gap in milliseconds since the last one.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

const resolutionMs = 5

if (isMainThread && process.send) {
  const delays = monitorEventLoopDelay({ resolution: resolutionMs })
  delays.enable()
  process.on('message', message => {
    if (message !== 'bench:gap') return
    process.send?.({ 'bench:gap': Math.max(0, delays.max / 1e6 - resolutionMs) })
    delays.reset()
  })
  process.channel?.unref() // the server decides how long it lives
}
