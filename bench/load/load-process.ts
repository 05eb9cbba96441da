/** The load generator's own process: takes a job as a message, answers with its result. */
import { runClosedLoop } from './closed-loop.ts'
import type { LoadJob, OpenLoadJob } from './load-job.ts'
import { runOpenLoop } from './open-loop.ts'

process.on('message', async (job: LoadJob | OpenLoadJob) => {
  process.send?.(await ('requestsPerSecond' in job ? runOpenLoop(job) : runClosedLoop(job)))
})
process.on('disconnect', () => process.exit())
