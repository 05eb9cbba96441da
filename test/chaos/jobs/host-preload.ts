/** Preloaded into a host (`--import`): tells its process id, and lets SIGUSR2 end one of its threads. */
import { isMainThread } from 'node:worker_threads'

// Its threads and the processes that it starts are given the same options.
if (isMainThread && process.argv[1]?.endsWith('host-process.cjs')) {
  console.log(`chaos: process ${process.pid}`)
  await import('../engine/thread-killer.ts')
}
